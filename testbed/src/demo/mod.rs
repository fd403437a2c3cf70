//! The demo: a real Postgres, a real Synapse, the service's own binary, a dozen changes that it
//! answers, and somebody who signs up in an emulated Cognito.
//!
//! It uses the service only as an operator does: by its configuration file, its command line and its database.

mod accident;
pub(crate) mod cast;
pub(crate) mod changes;
mod check;
mod cloud;
mod config;
pub(crate) mod house;
mod live;
mod play;
mod printed;
pub(crate) mod rooms;
pub(crate) mod screen;
mod signup;
mod snapshot;
mod staff_room;
mod stay;

use std::process::ExitCode;

use testbed::SynapseVersion;

use house::House;
use screen::Screen;

/// How much of the service's log is shown when something fails.
const LOG_LINES: usize = 30;

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) version: SynapseVersion,
    pub(crate) stay: bool,
}

/// Plays it to the end. A failure is told here, with the end of the service's log; all that was started is removed
/// either way, also by Ctrl-C.
pub(crate) async fn run(options: Options) -> ExitCode {
    let screen = Screen::new();
    let mut house = None;
    let Err(error) = play::play(&screen, options, &mut house).await else {
        return ExitCode::SUCCESS;
    };
    screen.section("The demo failed");
    screen.say(&format!("{error:#}"));
    if let Some(log) = house.as_ref().map(House::log).filter(|log| !log.is_empty()) {
        screen.say("\nThe end of the service's log:\n");
        let lines: Vec<&str> = log.lines().collect();
        screen.quote(&lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"));
    }
    ExitCode::FAILURE
}
