//! moto: Cognito and SQS emulated on one loopback port.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;

use crate::install::Environment;
use crate::process::{Part, ports};
use crate::wait::wait_until;

const START_BOUND: Duration = Duration::from_secs(60);

/// A running moto server. Its state is in memory. Dropping it ends it.
#[derive(Debug)]
pub struct Moto {
    part: Part,
    port: u16,
}

impl Moto {
    /// Installs moto if needed and starts it.
    ///
    /// # Errors
    /// When it cannot be installed or does not answer.
    pub async fn start() -> Result<Moto> {
        let environment = Environment::Moto.ensure().await?;
        let moto = Moto { part: Part::new("moto", Signal::SIGKILL)?, port: ports::free_port()? };
        let mut command = Command::new(environment.join("bin/python"));
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &moto.port.to_string()]);
        moto.part.spawn(&command)?;
        let client = reqwest::Client::new();
        let ready = format!("{}/moto-api/", moto.url());
        wait_until("moto answers", START_BOUND, async || {
            let answer = client.get(&ready).timeout(Duration::from_secs(5)).send().await;
            answer.is_ok_and(|answer| answer.status().is_success()) || !moto.part.running().unwrap_or(false)
        })
        .await
        .and_then(|()| if moto.part.running()? { Ok(()) } else { Err(anyhow!("moto ended at once")) })
        .with_context(|| format!("start moto; end of its log:\n{}", moto.part.log_tail()))?;
        Ok(moto)
    }

    /// For `endpoint_url` of `[cognito]` and `[queue]`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn log_tail(&self) -> String {
        self.part.log_tail()
    }
}
