//! Everything that runs for the demo, set up step by step. Dropping it removes it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use testbed::install::Environment;
use testbed::{
    Admin, Hasura, NewRoom, Output, Person, Postgres, Service, ServiceSpec, Synapse, SynapseOptions, SynapseVersion,
    free_port, plain_environment,
};

use super::cast::{Actor, CAST, by_name};
use super::cloud::Cloud;
use super::config::{self, Facts};
use super::rooms::Room;
use super::screen::Screen;
use super::{changes, cloud};
use crate::binary;

/// What Hasura would send with its webhook. Nothing but this demo ever knows it.
pub(crate) const HOOK_SECRET: &str = "the-demo-hook-secret";

/// The running parts, and the hands to use them with.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) service: Service,
    pub(crate) binary: PathBuf,
    /// The service's internal listener.
    pub(crate) admin: String,
    pub(crate) hasura: Hasura,
    pub(crate) cloud: Cloud,
    /// The service's own bot, used for what a server admin would do by hand.
    pub(crate) bot: Admin,
    /// Room ids, in the order of [`Room::ALL`].
    pub(crate) rooms: [String; 4],
    /// Keeps its Postgres, too.
    pub(crate) synapse: Synapse,
}

impl House {
    /// Starts everything but the service, and tells each step.
    ///
    /// # Errors
    /// When a step fails, with its name.
    pub(crate) async fn set_up(screen: &Screen, version: SynapseVersion) -> Result<House> {
        let installed = format!("Synapse {version} is installed, and so are the emulators of AWS");
        screen.step_with_own_progress(&installed, install(version), || {}).await?;
        let binary = screen.step("phenom-provisioner is built (the first time takes minutes)", binary::build()).await?;
        let postgres = screen.step("Postgres runs", async { Postgres::start().await.map(Arc::new) }).await?;
        let options = SynapseOptions { slots: 1, ..SynapseOptions::new(version) };
        let running = format!("Synapse {version} runs, with the service registered as application service");
        let synapse = screen.step(&running, Synapse::start(&postgres, options)).await?;
        let slot = synapse.slot();
        let bot = screen
            .step("the service's bot is a server admin", async { Admin::register(&synapse).await?.enlist(&slot).await })
            .await?;
        let rooms = screen.step("the four rooms exist, invite-only", make_rooms(&synapse, &bot)).await?;
        let hasura = screen.step("users, teams and team_members hold eleven people", fill_tables(&postgres)).await?;
        let pooled = format!("a user pool holds {} people, a queue is empty (moto, ministack)", cloud::people());
        let cloud = screen.step(&pooled, Cloud::set_up()).await?;
        postgres.create_database(config::DATABASE).await?;
        let admin = format!("127.0.0.1:{}", free_port()?);
        let facts = Facts {
            synapse: &synapse,
            postgres: &postgres,
            slot: &slot,
            roster: hasura.url(),
            cloud: &cloud,
            rooms: &rooms,
            admin: &admin,
            hook_secret: HOOK_SECRET,
        };
        let spec = ServiceSpec {
            binary: binary.clone(),
            config: config::text(&facts),
            env: [plain_environment(), vec![("COLUMNS".to_owned(), "98".to_owned())]].concat(),
            admin: admin.clone(),
        };
        let service = Service::install(spec)?;
        Ok(House { service, binary, admin, hasura, cloud, bot, rooms, synapse })
    }

    /// The full user id of somebody.
    pub(crate) fn mxid(&self, actor: &Actor) -> String {
        self.synapse.mxid(actor.sub)
    }

    /// The id of a room.
    pub(crate) fn room(&self, room: Room) -> &str {
        &self.rooms[room.index()]
    }

    /// A client of somebody, logged in with a JWT.
    ///
    /// # Errors
    /// When the login is refused.
    pub(crate) async fn login(&self, actor: &Actor) -> Result<Person> {
        Person::login(&self.synapse, actor.sub).await
    }

    /// Somebody's own hands, for what a person with power does in a client.
    ///
    /// # Errors
    /// When the login is refused.
    pub(crate) async fn hands_of(&self, actor: &Actor) -> Result<Admin> {
        let person = self.login(actor).await?;
        let token = person.client.access_token().context("a login gives an access token")?;
        Ok(self.bot.with_token(&person.mxid, &token))
    }

    /// Runs one command of the service, which must end with one of these codes.
    ///
    /// # Errors
    /// When it ends otherwise; the message carries all that it printed.
    pub(crate) async fn command(&self, args: &[&str], codes: &[i32]) -> Result<Output> {
        let output = self.service.run_cli(args).await?;
        let Output { status, stdout, stderr } = &output;
        ensure!(
            status.is_some_and(|code| codes.contains(&code)),
            "`phenom-provisioner {}` ended with {}, which was not expected:\n{stdout}{stderr}",
            args.join(" "),
            status.map_or("a signal".to_owned(), |code| format!("exit code {code}"))
        );
        Ok(output)
    }

    /// The service's log so far.
    pub(crate) fn log(&self) -> String {
        self.service.log()
    }
}

async fn install(version: SynapseVersion) -> Result<()> {
    for environment in [version.environment(), Environment::Moto, Environment::Ministack] {
        environment.ensure().await?;
    }
    Ok(())
}

/// The bot makes them, so that nobody else is in them and it has power 100. Ada may moderate Staff.
async fn make_rooms(synapse: &Synapse, bot: &Admin) -> Result<[String; 4]> {
    let mut ids = Vec::new();
    for room in Room::ALL {
        let mut power = BTreeMap::new();
        if room == Room::Staff {
            power.insert(synapse.mxid(by_name(changes::MODERATOR).sub), changes::MODERATOR_POWER);
        }
        let room = NewRoom { name: Some(room.name().to_owned()), power, ..NewRoom::default() };
        ids.push(bot.create_room(room).await?);
    }
    ids.try_into().ok().context("four rooms")
}

async fn fill_tables(postgres: &Postgres) -> Result<Hasura> {
    let hasura = Hasura::create(postgres).await?;
    for actor in &CAST {
        for (team, role) in actor.rows {
            hasura.add(actor.sub, team, role).await?;
        }
    }
    Ok(hasura)
}
