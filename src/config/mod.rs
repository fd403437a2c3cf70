//! The configuration: a TOML file, overridden by environment variables, read into types and checked as a whole.
//!
//! One file a section. The section types generate the schema that [`structure`] checks against, [`grammar`] judges
//! single values and [`relations`] what they have to do with each other. All problems are reported at once. Nothing
//! here reads the network.

mod admin;
mod appservice;
mod choices;
mod cognito;
mod commands;
mod database;
mod document;
mod environment;
mod events;
mod grammar;
mod guard;
mod homeserver;
mod levels;
mod listen;
mod location;
mod mirror;
mod modes;
mod namespaces;
mod problem;
mod profiles;
mod queue;
mod reference;
mod registration;
mod relations;
mod report;
mod rooms;
mod roster;
mod schema;
mod secret;
mod server_admins;
mod shown;
mod structure;

use std::path::{Path, PathBuf};

use provisioner_policy::Policy;
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use self::grammar::unencrypted_host;
pub use self::{
    admin::AdminSection,
    appservice::AppserviceSection,
    cognito::CognitoSection,
    commands::CommandsSection,
    database::DatabaseSection,
    environment::{PREFIX, variables},
    events::EventsSection,
    guard::GuardSection,
    homeserver::HomeserverSection,
    listen::{admin_listen, reachable},
    location::{CONFIG_TEXT, ConfigLocation},
    mirror::MirrorSection,
    modes::ModesSection,
    problem::{ConfigErrors, Problem, ValueOrigin},
    profiles::ProfilesSection,
    queue::QueueSection,
    reference::reference,
    registration::{Namespace, Namespaces, Registration},
    rooms::{PowerEntry, RoomSection},
    roster::RosterSection,
    schema::schema,
    secret::{Secret, SecretFile},
    server_admins::ServerAdminsSection,
};
use self::{document::Document, grammar::GrammarContext, report::ProblemReport};

/// The whole configuration, valid.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The stack this is, for example production. It is stamped into the database; another one refuses to start.
    #[schemars(schema_with = "grammar::environment")]
    pub environment: String,
    pub homeserver: HomeserverSection,
    #[serde(default)]
    pub appservice: AppserviceSection,
    #[serde(default)]
    pub admin: AdminSection,
    pub database: DatabaseSection,
    pub roster: Option<RosterSection>,
    pub cognito: Option<CognitoSection>,
    pub queue: Option<QueueSection>,
    pub events: Option<EventsSection>,
    #[serde(default)]
    pub mirror: MirrorSection,
    pub commands: Option<CommandsSection>,
    #[serde(default)]
    pub modes: ModesSection,
    #[serde(default)]
    pub guard: GuardSection,
    pub server_admins: Option<ServerAdminsSection>,
    pub profiles: Option<ProfilesSection>,
    #[serde(default)]
    pub rooms: Vec<RoomSection>,
    /// Files that secrets were read from.
    #[serde(skip)]
    pub secret_files: Vec<SecretFile>,
}

/// Whether every room must have its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomIds {
    /// A room without an id is an error. For everything but `bootstrap`.
    Required,
    /// A room without an id is yet to be created.
    Optional,
}

impl Config {
    /// Reads the configuration that stands there, with `variables` over it.
    pub fn load(
        location: &ConfigLocation,
        variables: impl Iterator<Item = (String, String)>,
        room_ids: RoomIds,
    ) -> Result<Self, ConfigErrors> {
        let variables: Vec<(String, String)> = variables.collect();
        let text = location.text(&variables)?;
        Self::parse(&text, location.base(), variables.into_iter(), room_ids)
            .map_err(|problems| ConfigErrors::new(location.name(), problems))
    }

    /// Reads a configuration of the given text, in which relative paths start at `base`.
    fn parse(
        text: &str,
        base: &Path,
        variables: impl Iterator<Item = (String, String)>,
        room_ids: RoomIds,
    ) -> Result<Self, Vec<Problem>> {
        let mut document = Document::parse(text).map_err(|problem| vec![problem])?;
        let mut problems = environment::apply(&mut document, &schema(), variables);

        let schema = schema::resolved();
        let mut report = ProblemReport::new(&document.places);
        let secret_files = secret::secret_files(&document, &schema, base);
        let mut value = secret::read_secret_files(&document, &schema, base, &mut report);
        let context = GrammarContext::of(&value);
        structure::check(&mut value, &schema, &context, &mut report);
        match serde_json::from_value::<Self>(value) {
            Ok(config) => {
                relations::check(&config, room_ids, &mut report);
                problems.extend(report.into_problems());
                if problems.is_empty() { Ok(Self { secret_files, ..config.completed(base) }) } else { Err(problems) }
            }
            Err(error) => {
                // The schema and the types come from one source, so this is a defect of this program; say what is known.
                report.add("", format!("the configuration cannot be read: {error}"), "correct that value");
                problems.extend(report.into_problems());
                Err(problems)
            }
        }
    }

    /// The file that the secret at this JSON pointer was read from. A roster without a URL of its own has our database's, and
    /// the password with it.
    pub fn secret_file(&self, of: &str) -> Option<PathBuf> {
        let file = |of: &str| self.secret_files.iter().find(|file| file.of == of).map(|file| file.path.clone());
        let is_shared = self.roster.as_ref().is_some_and(|roster| roster.url == self.database.url);
        let ours = of.strip_prefix("/roster/").filter(|_| is_shared).map(|key| format!("/database/{key}"));
        file(of).or_else(|| file(&ours?))
    }

    /// Fills in the keys whose default is another key, or depends on the folder of the file.
    fn completed(mut self, base: &Path) -> Self {
        self.appservice.complete(base);
        if let Some(roster) = self.roster.as_mut().filter(|roster| roster.url.is_empty()) {
            roster.url = self.database.url.clone();
            roster.password = self.database.password.clone();
        }
        self
    }

    /// The policy as the planner reads it. Rooms that have no id yet are not part of it.
    pub fn policy(&self, bot_mxid: &str) -> Policy {
        let mut policy = self.policy_of_all_rooms(bot_mxid);
        policy.rooms.retain(|room| !room.id.is_empty());
        policy
    }

    /// The policy with every room of the file, in its order. The id of a room that has none is empty.
    pub fn policy_of_all_rooms(&self, bot_mxid: &str) -> Policy {
        Policy {
            server_name: self.homeserver.server_name.to_string(),
            bot: bot_mxid.to_owned(),
            exempt: self.guard.exempt.iter().map(ToString::to_string).collect(),
            rooms: self.rooms.iter().map(RoomSection::policy).collect(),
            server_admins: self.server_admins.as_ref().map(|admins| admins.grant.clone()).unwrap_or_default(),
            modes: self.modes.into(),
            guard: self.guard.limits(),
            settle: self.guard.settle,
            followed: Vec::new(),
            offboarding: self.cognito.as_ref().map(|cognito| cognito.offboarding).unwrap_or_default(),
            operators: self.commands.as_ref().map(|commands| commands.allow.clone()).unwrap_or_default(),
            profiles: self.profiles.as_ref().map(ProfilesSection::policy),
        }
    }
}
