//! A real PgBouncer before a Postgres, in one of its modes.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use sqlx::{Connection, PgConnection};

use super::{Postgres, RunAs};
use crate::install;
use crate::process::{Part, ports};
use crate::wait::wait_until;

const START_BOUND: Duration = Duration::from_secs(30);

/// How long a backend belongs to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    Session,
    Transaction,
}

/// A running PgBouncer. Dropping it removes it.
#[derive(Debug)]
pub struct Pooler {
    part: Part,
    port: u16,
    behind: u16,
}

impl Pooler {
    /// Starts it with its defaults, at most `backends` for each database and user.
    ///
    /// # Errors
    /// When it is not there and cannot be fetched, or does not come up.
    pub async fn before(postgres: &Postgres, mode: PoolMode, backends: u16) -> Result<Pooler> {
        let part = Part::new("pgbouncer", Signal::SIGTERM)?;
        let mut pgbouncer = install::pgbouncer().await?;
        let run_as = RunAs::if_root()?;
        if let Some(user) = &run_as {
            user.open_directory(part.directory())?;
            // The cache of root is closed to others.
            let program = part.directory().join("program");
            let libraries = part.directory().join("libraries");
            std::fs::copy(&pgbouncer.program, &program).context("copy PgBouncer")?;
            super::run_as::copy_tree(&pgbouncer.libraries, &libraries)?;
            pgbouncer = install::PgBouncer { program, libraries };
        }
        let pooler = Pooler { part, port: ports::free_port()?, behind: postgres.port() };
        let (port, behind) = (pooler.port, pooler.behind);
        let config = pooler.part.directory().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={behind} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {}\ndefault_pool_size = {backends}\n",
            match mode {
                PoolMode::Session => "session",
                PoolMode::Transaction => "transaction",
            }
        );
        std::fs::write(&config, text).context("write its configuration")?;
        let mut command = match &run_as {
            Some(user) => user.command(&pgbouncer.program),
            None => Command::new(&pgbouncer.program),
        };
        command.arg(&config).env("LD_LIBRARY_PATH", &pgbouncer.libraries);
        pooler.part.spawn(&command)?;
        let url = pooler.through(&postgres.url("postgres"));
        wait_until("PgBouncer takes connections", START_BOUND, async || {
            match PgConnection::connect_with(&options(&url)).await {
                Ok(connection) => connection.close().await.is_ok(),
                Err(_) => false,
            }
        })
        .await
        .with_context(|| format!("start PgBouncer; end of its log:\n{}", pooler.part.log_tail()))?;
        Ok(pooler)
    }

    /// `url` of the Postgres behind it, as one through this pooler.
    pub fn through(&self, url: &str) -> String {
        url.replace(&format!(":{}/", self.behind), &format!(":{}/", self.port))
    }

    /// A client's connection through it, as any client has one.
    ///
    /// # Errors
    /// When it takes none.
    pub async fn connect(&self, url: &str) -> Result<PgConnection> {
        PgConnection::connect_with(&options(&self.through(url))).await.context("connect through PgBouncer")
    }
}

/// PgBouncer refuses a parameter at the start that sqlx sends by itself.
fn options(url: &str) -> sqlx::postgres::PgConnectOptions {
    let options: sqlx::postgres::PgConnectOptions = url.parse().expect("an address of the testbed's own");
    options.extra_float_digits(None)
}
