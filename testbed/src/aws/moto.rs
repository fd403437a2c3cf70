//! moto: Cognito emulated on a loopback port. It can do SQS too, but ever slower as a queue grows.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;

use crate::install::Environment;
use crate::process::{Part, ports, ready};

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
    /// When it cannot be installed or does not answer; the message carries the end of its log.
    pub async fn start() -> Result<Moto> {
        let environment = Environment::Moto.ensure().await?;
        let moto = Moto { part: Part::new("moto", Signal::SIGKILL)?, port: ports::free_port()? };
        let mut command = Command::new(environment.join("bin/python"));
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &moto.port.to_string()]);
        moto.part.spawn(&command)?;
        ready::wait(&moto.part, &format!("{}/moto-api/", moto.url()), START_BOUND).await?;
        Ok(moto)
    }

    /// For `endpoint_url` of `[cognito]`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn log_tail(&self) -> String {
        self.part.log_tail()
    }
}
