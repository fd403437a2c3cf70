//! moto: Cognito emulated on a loopback port. It can do SQS too, but ever slower as a queue grows.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::install::Environment;
use crate::process::{Part, ports, ready};

const START_BOUND: Duration = Duration::from_secs(60);
/// Starts moto's server, and adds a way to put many users into a pool at once.
const SERVER: &str = include_str!("moto.py");

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
        // Not `moto.py`: that would hide the package from itself.
        let server = moto.part.directory().join("server.py");
        std::fs::write(&server, SERVER).context("write moto's starter")?;
        let mut command = Command::new(environment.join("bin/python"));
        command.arg(&server).arg(moto.port.to_string());
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
