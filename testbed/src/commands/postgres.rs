//! `testbed postgres -- COMMAND`: a private Postgres for the time of one command.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context, Result};
use clap::Args;
use sqlx::migrate::Migrator;
use testbed::Postgres;
use tokio::signal::unix::{SignalKind, signal};

/// Start a private Postgres, run a command with DATABASE_URL set, and take it down again
#[derive(Debug, Args)]
pub(crate) struct WithPostgres {
    /// Apply the sqlx migrations of this directory first
    #[arg(long, value_name = "DIR")]
    migrations: Option<PathBuf>,
    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl WithPostgres {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let postgres = Postgres::start().await?;
        let url = postgres.create_database("provisioner").await?;
        if let Some(directory) = &self.migrations {
            migrate(&postgres, directory).await?;
        }
        let (program, arguments) = self.command.split_first().context("name a command after --")?;
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .env("DATABASE_URL", &url)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {program}"))?;
        // The command gets a Ctrl-C as well, being in the same terminal: let it end first.
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.with_context(|| format!("wait for {program}"))?,
                _ = interrupt.recv() => {}
                _ = terminate.recv() => child.start_kill().with_context(|| format!("end {program}"))?,
            }
        };
        drop(postgres);
        Ok(exit_code(status))
    }
}

async fn migrate(postgres: &Postgres, directory: &Path) -> Result<()> {
    let migrator = Migrator::new(directory).await.with_context(|| format!("read {}", directory.display()))?;
    let mut connection = postgres.connect("provisioner").await?;
    migrator.run_direct(None, &mut connection, false).await.with_context(|| format!("apply {}", directory.display()))
}

/// As shells do: a signal is 128 and its number.
fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
