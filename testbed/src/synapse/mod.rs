//! A real Synapse from PyPI on a private Postgres, with application-service slots and JWT login.

mod config;
mod doorkeeper;
mod federation;
mod slot;
mod version;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sqlx::{Connection, Executor};

use crate::postgres::Postgres;
use crate::process::{Part, ports, random, ready};

pub(crate) use doorkeeper::Doorkeeper;
pub use federation::{FederationOptions, Tls};
pub use slot::Slot;
pub use version::SynapseVersion;

const START_BOUND: Duration = Duration::from_secs(90);
const STOP_BOUND: Duration = Duration::from_secs(30);
const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);

const NO_SERVICES: &str = "UPDATE users SET appservice_id = NULL; \
     UPDATE appservice_stream_position SET stream_ordering = 0; \
     DELETE FROM application_services_state; \
     DELETE FROM application_services_txns";

/// How a Synapse is set up.
#[derive(Debug, Clone)]
pub struct SynapseOptions {
    pub version: SynapseVersion,
    pub server_name: String,
    /// How many application services are registered. It asks each of them about each event.
    pub slots: usize,
    /// Left out, it speaks to no other server.
    pub federation: Option<FederationOptions>,
    /// What its database is a copy of. Left out, it is empty.
    pub origin: Option<Origin>,
}

/// A database that a Synapse has left, and the key that signed what is in it.
#[derive(Debug, Clone)]
pub struct Origin {
    database: String,
    signing_key: String,
}

impl SynapseOptions {
    pub fn new(version: SynapseVersion) -> SynapseOptions {
        SynapseOptions { version, server_name: "phenom.test".to_owned(), slots: 32, federation: None, origin: None }
    }
}

/// A running (or stopped) Synapse. Dropping it removes it; its database goes with the Postgres.
#[derive(Debug)]
pub struct Synapse {
    part: Part,
    options: SynapseOptions,
    python: PathBuf,
    port: u16,
    shared_secret: String,
    jwt_secret: String,
    slots: Vec<Slot>,
    next_slot: AtomicUsize,
    database: String,
    postgres: Arc<Postgres>,
}

impl Synapse {
    /// Installs the version if needed, makes its database on `postgres`, and starts it.
    ///
    /// # Errors
    /// When it cannot be installed or does not become healthy; the message carries the end of its log.
    pub async fn start(postgres: &Arc<Postgres>, options: SynapseOptions) -> Result<Synapse> {
        let environment = options.version.environment().ensure().await?;
        let part = Part::new("synapse", Signal::SIGKILL)?;
        let slots = (0..options.slots)
            .map(|number| Slot::write(number, &options.server_name, part.directory()))
            .collect::<Result<Vec<_>>>()?;
        let database = format!("synapse_{}", random::word());
        match &options.origin {
            Some(origin) => postgres.copy_database(&database, &origin.database).await?,
            None => postgres.create_database(&database).await?,
        };
        let synapse = Synapse {
            part,
            python: environment.join("bin/python"),
            port: ports::free_port()?,
            shared_secret: random::word(),
            jwt_secret: format!("{}{}", random::word(), random::word()),
            slots,
            next_slot: AtomicUsize::new(0),
            options,
            database,
            postgres: Arc::clone(postgres),
        };
        config::write(&synapse)?;
        synapse.launch().await?;
        Ok(synapse)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn server_name(&self) -> &str {
        &self.options.server_name
    }

    pub fn version(&self) -> SynapseVersion {
        self.options.version
    }

    /// The full user id of a localpart here.
    pub fn mxid(&self, localpart: &str) -> String {
        format!("@{localpart}:{}", self.options.server_name)
    }

    /// The secret of the shared-secret register API.
    pub fn shared_secret(&self) -> &str {
        &self.shared_secret
    }

    /// An application-service registration nobody else uses.
    ///
    /// # Panics
    /// When all are taken.
    pub fn slot(&self) -> Slot {
        let number = self.next_slot.fetch_add(1, Ordering::Relaxed);
        self.slots.get(number).cloned().unwrap_or_else(|| {
            panic!(
                "all {} application-service slots of this Synapse are taken: raise SynapseOptions::slots, \
                 or let fewer tests share it",
                self.slots.len()
            )
        })
    }

    /// A token like Cognito's, as clients log in with (`org.matrix.login.jwt`).
    ///
    /// # Errors
    /// When signing fails.
    pub fn jwt(&self, sub: &str) -> Result<String> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("read the clock")?;
        let claims = json!({ "sub": sub, "iat": now.as_secs(), "exp": (now + TOKEN_LIFE).as_secs() });
        let key = EncodingKey::from_secret(self.jwt_secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).context("sign a token")
    }

    /// SIGTERM, and wait until it has ended.
    ///
    /// # Errors
    /// When it does not run or does not end in time.
    pub async fn stop_sigterm(&self) -> Result<()> {
        self.part.signal(Signal::SIGTERM)?;
        self.part.ended(STOP_BOUND).await.map(drop)
    }

    /// SIGKILL, and wait until it has ended.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&self) -> Result<()> {
        self.part.kill()?;
        self.part.ended(STOP_BOUND).await.map(drop)
    }

    /// Starts it again after a stop: same port, same data.
    ///
    /// # Errors
    /// When it runs already or does not become healthy.
    pub async fn start_again(&self) -> Result<()> {
        self.launch().await
    }

    /// Starts it again with this registration in the place of those that it had.
    ///
    /// # Errors
    /// When it does not run, does not end in time or does not become healthy.
    pub async fn load_registration(&self, file: &Path) -> Result<()> {
        self.stop_sigterm().await?;
        config::set_registrations(self, &[file])?;
        self.launch().await
    }

    /// Starts it again with other settings, each by a JSON pointer into `homeserver.yaml`; null takes one out.
    ///
    /// # Errors
    /// As above, and when a pointer leads nowhere.
    pub async fn configure(&self, changes: &[(&str, Value)]) -> Result<()> {
        self.stop_sigterm().await?;
        config::set(self, changes)?;
        self.launch().await
    }

    /// Starts it again as a server that never had an application service: none is loaded, no user belongs to one, and nothing
    /// was ever pushed.
    ///
    /// # Errors
    /// As above, and when its database cannot be written.
    pub async fn forget_services(&self) -> Result<()> {
        self.stop_sigterm().await?;
        config::set_registrations(self, &[])?;
        let mut database = self.postgres.connect(&self.database).await?;
        database.execute(NO_SERVICES).await.context("forget the application services")?;
        database.close().await.context("close the connection")?;
        self.launch().await
    }

    /// Ends it, and leaves its database for others to begin with.
    pub(crate) async fn into_origin(self) -> Result<Origin> {
        self.stop_sigterm().await?;
        let signing_key = std::fs::read_to_string(self.signing_key()).context("read the signing key")?;
        Ok(Origin { database: self.database.clone(), signing_key })
    }

    pub fn log_tail(&self) -> String {
        self.part.log_tail()
    }

    /// Where it logs, one line a request among others.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.part.log_path()
    }

    /// Its own database.
    pub fn database_url(&self) -> String {
        self.postgres.url(&self.database)
    }

    /// The interpreter that it runs by, with its libraries.
    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    /// The file with the key that it signs events with.
    pub(crate) fn signing_key(&self) -> PathBuf {
        config::signing_key_path(self)
    }

    /// The number of its process, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.part.pid()
    }

    async fn launch(&self) -> Result<()> {
        let mut command = Command::new(&self.python);
        command.args(["-m", "synapse.app.homeserver", "--config-path"]).arg(config::path(self));
        // The other server of a federation is on loopback, too: no proxy of the environment's stands between.
        command.env("no_proxy", "127.0.0.1");
        self.part.spawn(&command)?;
        ready::wait(&self.part, &format!("{}/health", self.url()), START_BOUND)
            .await
            .with_context(|| format!("start Synapse {}", self.options.version))
    }
}
