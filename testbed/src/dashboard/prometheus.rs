//! A real Prometheus, which scrapes both replicas as instances of one job.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::install::prometheus;
use crate::process::{Part, ports, ready};

const START_BOUND: Duration = Duration::from_secs(60);

/// Running. Dropping it ends it, and what it has kept is gone.
#[derive(Debug)]
pub(super) struct Prometheus {
    part: Part,
    port: u16,
}

impl Prometheus {
    /// Starts it for these addresses, and waits until it answers.
    pub(super) async fn start(targets: &[String]) -> Result<Prometheus> {
        let program = prometheus().await?;
        let started = Prometheus { part: Part::new("prometheus", Signal::SIGKILL)?, port: ports::free_port()? };
        let directory = started.part.directory();
        let config = directory.join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 5s}}\nscrape_configs:\n  - job_name: phenom-provisioner\n    \
             static_configs: [{{targets: {targets:?}}}]\n"
        );
        std::fs::write(&config, text).context("write the configuration of Prometheus")?;
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", started.port))
            .arg("--log.level=warn");
        started.part.spawn(&command)?;
        ready::wait(&started.part, &format!("{}/-/ready", started.url()), START_BOUND).await?;
        Ok(started)
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
