//! What a command works with: the configuration, its registration and policy, and the parts built from them.

use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use provisioner_policy::{AccountsFrom, Policy, groups};
use tokio::sync::OnceCell;

use crate::accounts::{Confirmer, Server};
use crate::causes::told;
use crate::commands::StaffRoom;
use crate::config::{self, Config, ConfigLocation, Registration, RoomIds, RosterSection, Secret};
use crate::homeserver::{Homeserver, Timeouts};
use crate::operations;
use crate::pictures::{PictureFetcher, PictureNames, Surroundings};
use crate::reconcile::{AccountCheck, Configured, ProfileGiver, Reconciler};
use crate::sources::{Directory, ProfileSource, Roster};
use crate::store::{ConnectionSource, Login, SchemaNeed, Stamp, Store};

/// The configuration with what is read along with it.
#[derive(Debug)]
pub struct Context {
    /// Where the configuration stands.
    pub location: ConfigLocation,
    pub config: Config,
    pub registration: Registration,
    pub policy: Policy,
    parts: LazyParts,
}

/// Parts that are made once, when they are first asked for: each holds connections, and certificates of its own.
#[derive(Debug, Default)]
struct LazyParts {
    homeserver: OnceCell<Homeserver>,
    directory: OnceCell<Directory>,
    roster: OnceLock<Roster>,
    database: OnceLock<ConnectionSource>,
}

impl Context {
    /// Reads the configuration, every error at once, and then its registration, every error at once.
    pub fn load(location: &ConfigLocation) -> Result<Self> {
        Self::load_with(location, RoomIds::Required)
    }

    /// The same, for a command that can do with rooms that have no id yet.
    pub fn load_with(location: &ConfigLocation, room_ids: RoomIds) -> Result<Self> {
        let config = Config::load(location, config::variables(), room_ids)?;
        let registration = Registration::of(&config.appservice, &config.homeserver.server_name)?;
        let bot =
            registration.bot(&config.homeserver.server_name).context("make the bot's MXID from the registration")?;
        let policy = config.policy(bot.as_str());
        Ok(Self { location: location.clone(), config, registration, policy, parts: LazyParts::default() })
    }

    /// The policy in force: the file's, with the rooms that are followed to their successors.
    pub async fn current_policy(&self, store: &Store) -> Result<Policy> {
        operations::policy_in_force(store, &self.policy).await
    }

    /// Where connections to our database come from.
    pub fn database(&self) -> Result<ConnectionSource> {
        if let Some(database) = self.parts.database.get() {
            return Ok(database.clone());
        }
        let section = &self.config.database;
        let database = Store::source(self.login("database", &section.url, section.password.as_ref()))?;
        Ok(self.parts.database.get_or_init(|| database).clone())
    }

    /// Opens the database, migrated and ours.
    pub async fn open_store(&self) -> Result<Store> {
        self.open_store_with(SchemaNeed::Newest).await
    }

    /// The same for a command that only reads: the schema is left as it is.
    pub async fn open_store_with(&self, schema: SchemaNeed) -> Result<Store> {
        Store::open_of(self.database()?, &self.stamp(), schema).await
    }

    fn stamp(&self) -> Stamp {
        Stamp {
            environment: self.config.environment.clone(),
            server_name: self.config.homeserver.server_name.to_string(),
            user_pool_id: self.config.cognito.as_ref().map(|cognito| cognito.user_pool_id.clone()),
        }
    }

    /// The homeserver as the bot.
    pub async fn homeserver(&self) -> Result<Homeserver> {
        let connect = async || {
            let token = self.registration.as_token.expose();
            Homeserver::connect(&self.config.homeserver.url, &self.policy.bot, token, Timeouts::default()).await
        };
        Ok(self.parts.homeserver.get_or_try_init(connect).await?.clone())
    }

    /// The names that MXIDs are made of.
    pub fn server(&self) -> Server {
        Server { name: self.policy.server_name.clone(), bot: self.policy.bot.clone() }
    }

    /// The user pool, where one is configured.
    pub async fn directory(&self) -> Option<Directory> {
        let cognito = self.config.cognito.as_ref()?;
        let connect = || Directory::connect(&cognito.region, &cognito.user_pool_id, cognito.endpoint_url.as_deref());
        Some(self.parts.directory.get_or_init(connect).await.clone())
    }

    /// The account store with the pool behind it, where there is one.
    pub async fn accounts(&self, store: &Store) -> Confirmer {
        Confirmer { store: store.clone(), directory: self.directory().await, server: self.server() }
    }

    /// What the reconciler asks the pool of single accounts, where there is a pool: it knows none.
    pub async fn account_check(&self, store: &Store) -> Option<AccountCheck> {
        let accounts = self.accounts(store).await;
        accounts.directory.is_some().then(|| {
            AccountCheck::new(move |user_id| {
                let accounts = accounts.clone();
                async move {
                    let answer = accounts.has_account_now(&user_id).await.map_err(|error| told(error.as_ref()))?;
                    Ok(answer.map_err(|why| why.to_string()))
                }
            })
        })
    }

    /// Groups that selectors name, each once.
    pub fn groups(&self) -> Vec<String> {
        groups(self.policy.selectors().map(|(_, selector)| selector)).into_iter().map(str::to_owned).collect()
    }

    /// The roster, where one is configured.
    pub fn roster(&self) -> Result<Option<Roster>> {
        if let Some(roster) = self.parts.roster.get() {
            return Ok(Some(roster.clone()));
        }
        let Some(roster) = self.another_roster()? else { return Ok(None) };
        Ok(Some(self.parts.roster.get_or_init(|| roster).clone()))
    }

    /// The same with a connection of its own, for who keeps it.
    pub fn another_roster(&self) -> Result<Option<Roster>> {
        let Some(roster) = &self.config.roster else { return Ok(None) };
        let login = self.login("roster", &roster.url, roster.password.as_ref());
        Ok(Some(Roster::new(login, &roster.query, roster.max_rows)?))
    }

    /// What leads to the database of a section, with the files that are read again. A password that is not there has none.
    fn login(&self, section: &str, url: &Secret, password: Option<&Secret>) -> Login {
        let file = |key: &str| self.config.secret_file(&format!("/{section}/{key}"));
        Login {
            url: url.expose().to_owned(),
            password: password.map(|password| password.expose().to_owned()),
            url_file: file("url"),
            password_file: password.and_then(|_| file("password")),
        }
    }

    /// The room that takes commands, where one is configured.
    pub fn staff_room(&self, policy: &Policy) -> Option<StaffRoom> {
        let commands = self.config.commands.as_ref()?;
        let room = policy.rooms.iter().find(|room| room.key == commands.room)?;
        Some(StaffRoom {
            key: room.key.clone(),
            room_id: room.id.clone(),
            prefix: commands.prefix.clone(),
            bot: self.policy.bot.clone(),
            server_name: self.policy.server_name.clone(),
            rooms: self.policy.rooms.iter().map(|room| room.key.clone()).collect(),
            policy: self.policy.clone(),
            config: self.location.clone(),
            configured: Configured {
                roster: self.config.roster.is_some(),
                pool: self.config.cognito.is_some(),
                queue: self.config.queue.is_some(),
                events: self.config.events.is_some(),
            },
        })
    }

    /// A reconciler that has read nothing yet.
    pub async fn reconciler(&self, store: &Store) -> Result<Reconciler> {
        let accounts_from = if self.config.cognito.is_some() { AccountsFrom::Pool } else { AccountsFrom::Named };
        let homeserver = self.homeserver().await?;
        let mut reconciler =
            Reconciler::new(self.policy.clone(), accounts_from, store.clone(), homeserver, self.roster()?);
        if let Some(giver) = self.profile_giver()? {
            reconciler.give_profiles_by(giver);
        }
        if let Some(cognito) = &self.config.cognito {
            reconciler.listing_lasts = cognito.listing_lasts();
        }
        Ok(reconciler)
    }

    /// The query for names and pictures, where one is configured. It is asked where the roster is.
    pub fn profile_source(&self) -> Result<Option<ProfileSource>> {
        let Some(query) = self.config.profiles.as_ref().and_then(|profiles| profiles.query.as_ref()) else {
            return Ok(None);
        };
        let (login, max_rows) = match &self.config.roster {
            Some(roster) => (self.login("roster", &roster.url, roster.password.as_ref()), roster.max_rows),
            None => {
                let database = &self.config.database;
                let max_rows = RosterSection::default().max_rows;
                (self.login("database", &database.url, database.password.as_ref()), max_rows)
            }
        };
        Ok(Some(ProfileSource::new(login, query, max_rows)?))
    }

    /// What names and pictures are given with. Without hosts no picture is fetched.
    fn profile_giver(&self) -> Result<Option<ProfileGiver>> {
        let Some(profiles) = &self.config.profiles else { return Ok(None) };
        let hosts = profiles.picture_hosts.clone();
        let fetcher = match hosts.is_empty() {
            true => None,
            false => Some(PictureFetcher::new(Surroundings::default()).context("prepare to fetch pictures")?),
        };
        let names = PictureNames::new(&self.policy.server_name, hosts);
        Ok(Some(ProfileGiver::new(self.profile_source()?, names, fetcher)))
    }
}
