//! `testbed chaos`: what must hold whatever happens.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, value_parser};
use testbed::chaos::Chaos;
use testbed::load::Setup;

use super::version::Version;
use crate::binary;

/// Kill, freeze, silence and confuse two replicas on real servers, from a seed, and judge what came of it; exit code 1 when a promise is broken
#[derive(Debug, Args)]
pub(crate) struct ChaosCommand {
    /// The Synapse to do it on; 1.105.1 is what production runs
    #[arg(long, value_enum, default_value = "1.105.1", value_name = "VERSION")]
    synapse: Version,
    /// The service's binary; built when left out
    #[arg(long)]
    binary: Option<PathBuf>,
    /// What happens, and in which order; a random one when left out
    #[arg(long)]
    seed: Option<u64>,
    /// How long things go on happening
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u16).range(1..=1440))]
    minutes: u16,
    /// How many seconds all may take to settle after the last fault
    #[arg(long, default_value_t = 15)]
    settles: u64,
}

impl ChaosCommand {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let binary = match self.binary {
            Some(binary) => binary.canonicalize().context("find the binary")?,
            None => binary::build().await?,
        };
        let setup = Setup { binary, version: self.synapse.into(), tell: |text| eprintln!("{text}") };
        let lasts = Duration::from_secs(60 * u64::from(self.minutes));
        let settles = Duration::from_secs(self.settles);
        let found = Chaos { seed: self.seed, lasts, settles }.measure(&setup).await?;
        print!("{found}");
        Ok(if found.verdict.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
