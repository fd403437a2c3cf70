//! The table of commands.

mod chaos;
mod dashboard;
mod demo;
mod install;
mod load;
mod pictures;
mod postgres;
mod version;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Real Postgres, Synapse and AWS emulators on this machine, for tests and development
#[derive(Debug, Parser)]
#[command(name = "testbed", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Chaos(chaos::ChaosCommand),
    Dashboard(dashboard::DashboardCommand),
    Demo(demo::Demo),
    Install(install::Install),
    Load(load::Load),
    Pictures(pictures::TakePictures),
    Postgres(postgres::WithPostgres),
}

impl Arguments {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Chaos(command) => command.run().await,
            Command::Dashboard(command) => command.run().await,
            Command::Demo(command) => command.run().await,
            Command::Install(command) => command.run().await,
            Command::Load(command) => command.run().await,
            Command::Pictures(command) => command.run().await,
            Command::Postgres(command) => command.run().await,
        }
    }
}
