//! The files: configuration and registration, and what is allowed in them but unwise.

use std::path::Path;

use provisioner_policy::{Mode, Policy, how_many};

use super::Finding;
use crate::config::{self, Config, ConfigErrors, ConfigLocation, Registration, RoomIds};

/// What the other checks work with.
pub(super) struct Setup {
    pub(super) config: Config,
    /// Without a valid registration nothing can be asked of Synapse.
    pub(super) registration: Option<Registration>,
    /// The bot is nameless without a registration.
    pub(super) policy: Policy,
}

/// Reads both. Without a valid configuration there is nothing else to look at.
pub(super) fn read(location: &ConfigLocation) -> (Vec<Finding>, Option<Setup>) {
    let config = match Config::load(location, config::variables(), RoomIds::Optional) {
        Ok(config) => config,
        Err(errors) => return (problems("config", location.name(), &errors), None),
    };
    let mut findings = vec![Finding::pass("config", summary(location, &config))];
    findings.extend(config.rooms.iter().filter(|room| room.id.is_none()).map(|room| {
        Finding::fail(
            "config",
            format!("{}: the room has no id", room.key),
            "write the room's full id; for a room that does not exist yet, run `phenom-provisioner bootstrap \
             --create-rooms` and put in the line it prints",
        )
    }));
    let server_name = &config.homeserver.server_name;
    let registration = match Registration::of(&config.appservice, server_name) {
        Ok(registration) => Some(registration),
        Err(errors) => {
            findings.extend(problems("registration", config.appservice.registration_name(), &errors));
            None
        }
    };
    let bot = registration.as_ref().and_then(|registration| registration.bot(server_name));
    let bot = bot.map(|bot| bot.to_string()).unwrap_or_default();
    findings.extend(registration.as_ref().map(|registration| sound(registration, &bot)));
    let policy = config.policy(&bot);
    (findings, Some(Setup { config, registration, policy }))
}

fn summary(location: &ConfigLocation, config: &Config) -> String {
    let classes = config.modes.classes();
    let enforced: Vec<&str> =
        classes.into_iter().filter(|(_, mode)| *mode == Mode::Enforce).map(|(name, _)| name).collect();
    format!(
        "{location}: environment {:?} of {}, {}, enforced: {}",
        config.environment,
        config.homeserver.server_name,
        how_many(config.rooms.len(), "room", "rooms"),
        if enforced.is_empty() { "nothing".to_owned() } else { enforced.join(", ") }
    )
}

/// A registration that was read has no name that could be a subject and no namespace that matches strangers.
fn sound(registration: &Registration, bot: &str) -> Finding {
    if registration.rate_limited {
        return Finding::warn(
            "registration",
            "rate_limited is not false: Synapse answers 429 after ten invitations",
            "write rate_limited: false in the registration, and restart Synapse",
        );
    }
    Finding::pass(
        "registration",
        format!("the bot is {bot}, which nobody's sub can be; no namespace matches strangers; rate_limited is false"),
    )
}

fn problems(check: &'static str, file: &Path, errors: &ConfigErrors) -> Vec<Finding> {
    let file = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let finding = |problem: &config::Problem| {
        Finding::fail(check, format!("{}: {}", problem.place(&file), problem.text), problem.mend.clone())
    };
    errors.problems().iter().map(finding).collect()
}
