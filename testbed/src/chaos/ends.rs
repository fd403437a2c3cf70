//! How replicas ended that nobody had killed.
//!
//! Told to stop, one ends with exit code 0. None may end by itself: at the start the database is waited for, and so is everything
//! else that chaos takes away; what ends a start for good (another deployment's database, a later schema, a wrong query) never happens
//! here.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use anyhow::Result;
use nix::sys::signal::Signal;

use crate::service::Service;

/// Of a replica that ended, so many lines of its log are told.
const LINES: usize = 3;

/// How often they ended, and how else.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    /// Told to stop, with exit code 0.
    pub(super) stopped: usize,
    /// Told to stop before they had begun to listen for signals, which ends any process: they had just been started.
    pub(super) stopped_early: usize,
    /// Any other end, each in a sentence.
    pub(super) broken: Vec<String>,
}

impl Ends {
    /// A replica was told to stop, and has had its time for it.
    pub(super) async fn note_stopped(&mut self, number: usize, service: &Service) -> Result<()> {
        match service.ended().await {
            Ok(status) if status.success() => self.stopped += 1,
            Ok(status) if status.signal() == Some(Signal::SIGTERM as i32) => self.stopped_early += 1,
            Ok(status) => self.broken.push(sentence(number, "was told to stop and ended with", status, service)),
            Err(_) => {
                self.broken.push(format!("replica {number} was told to stop and did not end"));
                service.sigkill().await?;
            }
        }
        Ok(())
    }

    /// A replica does not run, though nobody ended it.
    pub(super) async fn note_by_itself(&mut self, number: usize, service: &Service) -> Result<()> {
        let status = service.ended().await?;
        self.broken.push(sentence(number, "ended by itself with", status, service));
        Ok(())
    }
}

fn sentence(number: usize, what: &str, status: ExitStatus, service: &Service) -> String {
    let log = service.log();
    let mut last: Vec<&str> = log.lines().rev().take(LINES).collect();
    last.reverse();
    format!("replica {number} {what} {status}; the end of its log: {}", last.join(" / "))
}
