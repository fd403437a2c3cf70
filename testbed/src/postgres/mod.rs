//! A private Postgres: trust authentication on one loopback port, no durability, C collation.

mod binaries;
mod pooler;
mod run_as;
mod standby;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::process::{Part, ports};
use crate::wait::wait_until;
pub use pooler::{PoolMode, Pooler};
use run_as::RunAs;

const START_BOUND: Duration = Duration::from_secs(30);
const STOP_BOUND: Duration = Duration::from_secs(60);

/// A running (or stopped) private Postgres. Dropping it removes it.
#[derive(Debug)]
pub struct Postgres {
    part: Part,
    port: u16,
    binaries: PathBuf,
    run_as: Option<RunAs>,
}

impl Postgres {
    /// Makes a fresh cluster and starts it.
    ///
    /// # Errors
    /// When there are no binaries and none can be installed, or Postgres does not come up.
    pub async fn start() -> Result<Postgres> {
        // SIGQUIT is Postgres's immediate shutdown: backends go too, and nothing here is worth a checkpoint.
        let part = Part::new("postgres", Signal::SIGQUIT)?;
        let run_as = RunAs::if_root()?;
        let mut binaries = binaries::find().await?;
        if let Some(user) = &run_as {
            user.open_directory(part.directory())?;
            binaries = user.reachable(&binaries, part.directory())?;
        }
        let postgres = Postgres { part, port: ports::free_port()?, binaries, run_as };
        postgres.initialise().await?;
        postgres.launch().await?;
        Ok(postgres)
    }

    /// The address of one database, as user `postgres`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its programs are: initdb and postgres, and beside them psql where the system has it nowhere else.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// Makes an empty database (UTF-8, C collation as Synapse asks for) and gives its address.
    ///
    /// # Errors
    /// When Postgres is down or the name is taken.
    pub async fn create_database(&self, name: &str) -> Result<String> {
        self.copy_database(name, "template0").await
    }

    /// The same as a copy of another, which nobody may be connected to.
    ///
    /// # Errors
    /// As above, and when somebody is.
    pub(crate) async fn copy_database(&self, name: &str, from: &str) -> Result<String> {
        let [name_quoted, from] = [name, from].map(|name| name.replace('"', "\"\""));
        let sql = format!(
            "CREATE DATABASE \"{name_quoted}\" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE \"{from}\""
        );
        let mut connection = self.connect("postgres").await?;
        connection.execute(AssertSqlSafe(sql)).await.with_context(|| format!("create database {name}"))?;
        connection.close().await.context("close connection")?;
        Ok(self.url(name))
    }

    /// One connection to a database; made for each use, so that nothing is bound to a runtime.
    ///
    /// # Errors
    /// When Postgres is down or the database does not exist.
    pub async fn connect(&self, database: &str) -> Result<PgConnection> {
        PgConnection::connect(&self.url(database)).await.with_context(|| format!("connect to database {database}"))
    }

    /// Makes a role that logs in with a password only; everybody else is trusted.
    ///
    /// # Errors
    /// When Postgres is down or the role exists.
    pub async fn ask_for_passwords_of(&self, role: &str) -> Result<()> {
        let mut connection = self.connect("postgres").await?;
        connection.execute(AssertSqlSafe(format!("CREATE ROLE {role} LOGIN"))).await.context("make the role")?;
        let hba = format!("host all {role} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n");
        std::fs::write(self.data().join("pg_hba.conf"), hba).context("write pg_hba.conf")?;
        connection.execute("SELECT pg_reload_conf()").await.context("have it read again")?;
        Ok(())
    }

    /// Fast shutdown: clients are cut off, data stays.
    ///
    /// # Errors
    /// When it is not running or does not end in time.
    pub async fn stop(&self) -> Result<()> {
        self.part.signal(Signal::SIGINT)?;
        self.part.ended(STOP_BOUND).await.map(drop)
    }

    /// Starts it again, same port and data, after `stop`; stops it first if it runs.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn restart(&self) -> Result<()> {
        if self.part.running()? {
            self.stop().await?;
        }
        self.launch().await
    }

    pub fn log_tail(&self) -> String {
        self.part.log_tail()
    }

    /// The process number of the server and the directory of its data, for tests of the teardown.
    pub fn traces(&self) -> (Option<u32>, PathBuf) {
        (self.part.pid(), self.part.directory().to_owned())
    }

    async fn initialise(&self) -> Result<()> {
        let data = self.data();
        std::fs::create_dir(&data).context("make the data directory")?;
        if let Some(user) = &self.run_as {
            user.own(&data)?;
        }
        let mut command = self.command("initdb");
        command.arg("--pgdata").arg(&data).args(["--username=postgres", "--auth=trust", "--encoding=UTF8"]);
        command.args(["--locale=C", "--no-sync"]);
        self.part.run(&command, START_BOUND).await.context("initialise Postgres")
    }

    async fn launch(&self) -> Result<()> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        self.part.spawn(&command)?;
        wait_until("Postgres accepts connections", START_BOUND, async || {
            !self.part.running().unwrap_or(false) || self.connect("postgres").await.is_ok()
        })
        .await
        .and_then(|()| if self.part.running()? { Ok(()) } else { Err(anyhow!("Postgres ended at once")) })
        .with_context(|| format!("start Postgres; end of its log:\n{}", self.log_tail()))
    }

    fn command(&self, program: &str) -> Command {
        let program = self.binaries.join(program);
        let mut command = match &self.run_as {
            Some(user) => user.command(&program),
            None => Command::new(&program),
        };
        command.current_dir(self.data()).env("LC_ALL", "C");
        command
    }

    fn data(&self) -> PathBuf {
        self.part.directory().join("data")
    }
}

const SETTINGS: [&str; 10] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    // What connects while it stops, and then says nothing, as through a silent network, keeps it from stopping for so long.
    "authentication_timeout=10s",
    "synchronous_commit=off",
    "full_page_writes=off",
    // A Synapse with its pool, a few services with theirs, and the tests themselves.
    "max_connections=400",
    "shared_buffers=64MB",
    "max_wal_size=2GB",
    "jit=off",
];
