//! `testbed install`: makes everything tests need, so that they need not.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use testbed::Postgres;
use testbed::install::{Environment, cache_directory, promtool};

/// Install Synapse (two versions), moto, ministack, what tests of deploy/ use and, where the system has none, Postgres into the cache
#[derive(Debug, Args)]
pub(crate) struct Install {}

impl Install {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let cache = cache_directory()?;
        for environment in [
            Environment::Synapse1_105,
            Environment::Synapse1_163,
            Environment::Moto,
            Environment::Ministack,
            Environment::Deploy,
        ] {
            environment.ensure().await?;
        }
        promtool().await?;
        // Starting it once proves that it runs, whichever binaries it found.
        drop(Postgres::start().await?);
        eprintln!("everything is installed in {}", cache.display());
        Ok(ExitCode::SUCCESS)
    }
}
