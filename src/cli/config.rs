//! `config check` and `config schema`: whether the files are right, without any network.

use std::process::ExitCode;

use provisioner_policy::Mode;

use super::print;
use crate::config::{self, Config, ConfigErrors, ConfigLocation, Registration, RoomIds};

/// Checks the configuration and the registration it names or holds, and prints a summary or every error.
#[must_use]
pub fn check(location: &ConfigLocation) -> ExitCode {
    match summary(location, config::variables()) {
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

/// Prints the JSON schema of the configuration file, or the reference of its keys that is made from it.
#[must_use]
pub fn schema(as_markdown: bool) -> ExitCode {
    match as_markdown {
        true => print::text(&config::reference()),
        false => print::text(&format!("{:#}\n", config::schema())),
    }
    ExitCode::SUCCESS
}

/// What `config check` prints for valid files.
pub fn summary(
    location: &ConfigLocation,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<String, ConfigErrors> {
    let config = Config::load(location, variables, RoomIds::Required)?;
    let server_name = &config.homeserver.server_name;
    let registration = Registration::of(&config.appservice, server_name)?;

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
        "configuration is valid: {} of {server_name}\n  read      {location}, {}\n  bot       @{}:{server_name}\n  rooms     {}: {}\n  sources   {}\n  enforced  {}\n  observed  {}",
        config.environment,
        config.appservice.registration_name().display(),
        registration.sender_localpart,
        rooms.len(),
        listed(&rooms),
        listed(&sources),
        in_mode(Mode::Enforce),
        in_mode(Mode::Observe),
    );
    for warning in registration.warnings() {
        summary.push_str(&format!("\nwarning: {}: {warning}", config.appservice.registration_name().display()));
    }
    Ok(summary)
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
