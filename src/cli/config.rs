//! `config check` and `config schema`: whether the files are right, without any network.

use std::{path::Path, process::ExitCode};

use provisioner_policy::Mode;

use super::print;
use crate::config::{self, Config, ConfigErrors, Registration, RoomIds};

/// Checks the configuration at `path` and the registration it names, and prints a summary or every error.
#[must_use]
pub fn check(path: &Path) -> ExitCode {
    match summary(path, config::variables()) {
        Ok(summary) => {
            print::text(&format!("{summary}\n"));
            ExitCode::SUCCESS
        }
        Err(errors) => {
            print::config_errors(errors);
            ExitCode::FAILURE
        }
    }
}

/// Prints the JSON schema of the configuration file.
#[must_use]
pub fn schema() -> ExitCode {
    print::text(&format!("{:#}\n", config::schema()));
    ExitCode::SUCCESS
}

/// What `config check` prints for valid files.
pub fn summary(path: &Path, variables: impl Iterator<Item = (String, String)>) -> Result<String, ConfigErrors> {
    let config = Config::load(path, variables, RoomIds::Required)?;
    let server_name = &config.homeserver.server_name;
    let registration = Registration::load(&config.appservice.registration, server_name)?;

    let rooms: Vec<&str> = config.rooms.iter().map(|room| room.key.as_str()).collect();
    let in_mode = |mode: Mode| {
        let classes = config.modes.classes();
        let names = classes.into_iter().filter(|(_, class)| *class == mode).map(|(name, _)| name).collect::<Vec<_>>();
        listed(&names)
    };
    let sources: Vec<&str> = [
        config.roster.is_some().then_some("roster"),
        config.cognito.is_some().then_some("cognito"),
        config.queue.is_some().then_some("queue"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut summary = format!(
        "configuration is valid: {} of {server_name}\n  bot       @{}:{server_name}\n  rooms     {}: {}\n  sources   {}\n  enforced  {}\n  observed  {}",
        config.environment,
        registration.sender_localpart,
        rooms.len(),
        listed(&rooms),
        listed(&sources),
        in_mode(Mode::Enforce),
        in_mode(Mode::Observe),
    );
    for warning in registration.warnings() {
        summary.push_str(&format!("\nwarning: {}: {warning}", config.appservice.registration.display()));
    }
    Ok(summary)
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
