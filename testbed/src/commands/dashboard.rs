//! `testbed dashboard`: the picture of the dashboard in docs/.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, value_parser};
use testbed::dashboard::Dashboard;
use testbed::load::Setup;

use super::version::Version;
use crate::binary;

const PICTURE: &str = "docs/pictures/dashboard.png";

/// Let things happen to two replicas on real servers, scrape them with a real Prometheus, and draw the dashboard with what it answers
#[derive(Debug, Args)]
pub(crate) struct DashboardCommand {
    /// The Synapse to do it on; 1.105.1 is what production runs
    #[arg(long, value_enum, default_value = "1.105.1", value_name = "VERSION")]
    synapse: Version,
    /// The service's binary; built when left out
    #[arg(long)]
    binary: Option<PathBuf>,
    /// How long things go on happening
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u16).range(3..=1440))]
    minutes: u16,
    /// Where to put the picture; docs/pictures/dashboard.png when left out
    #[arg(long)]
    output: Option<PathBuf>,
    /// Go on until Ctrl-C, with Prometheus, so that a Grafana or draw.py can be pointed at it
    #[arg(long)]
    stay: bool,
}

impl DashboardCommand {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let binary = match self.binary {
            Some(binary) => binary.canonicalize().context("find the binary")?,
            None => binary::build().await?,
        };
        let output = match self.output {
            Some(output) => std::path::absolute(output).context("find where the picture goes")?,
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PICTURE),
        };
        let setup = Setup { binary, version: self.synapse.into(), tell: |text| eprintln!("{text}") };
        let lasts = Duration::from_secs(60 * u64::from(self.minutes));
        let shown = Dashboard { lasts, output }.draw(&setup).await?;
        if self.stay {
            eprintln!("Prometheus answers at {} until Ctrl-C", shown.url());
            tokio::signal::ctrl_c().await.context("wait for Ctrl-C")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
