//! The configuration: written by hand, and by templates. What starts means what a strict parser reads, and no more.

use jsonschema::Validator;
use phenom_provisioner::config::{CONFIG_TEXT, Config, ConfigLocation, RoomIds, schema};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::hostile::{Hostile, Verdict};

fn load(text: &str) -> Result<Config, String> {
    let variable = (CONFIG_TEXT.to_owned(), text.to_owned());
    Config::load(&ConfigLocation::Variable, [variable].into_iter(), RoomIds::Required)
        .map_err(|errors| errors.to_string())
}

/// What decides over people, as it was understood, in the form of the file.
fn understood(config: &Config) -> Value {
    let policy = config.policy_of_all_rooms("@bot:example.org");
    let rooms = config.rooms.iter().zip(&policy.rooms).map(|(section, room)| {
        let power = room.power.iter().map(|one| json!({"level": one.level, "grant": one.grant.len()}));
        json!({
            "key": section.key, "id": section.id, "members": room.members.len(), "federate": section.federate,
            "power": power.collect::<Vec<_>>(), "name": room.settings.name, "topic": room.settings.topic,
            "join_rule": room.settings.join_rule,
        })
    });
    json!({
        "environment": config.environment,
        "homeserver": {"url": config.homeserver.url, "server_name": config.homeserver.server_name},
        "guard": {
            "free_removals": config.guard.free_removals, "max_removals": config.guard.max_removals,
            "max_fraction": config.guard.max_fraction, "exempt": config.guard.exempt,
        },
        "modes": config.modes,
        "rooms": rooms.collect::<Vec<_>>(),
    })
}

/// Whether each value that stands in the file is what was understood of it; the number of a list's items, where that is all
/// that was kept.
fn agrees(written: &Value, understood: &Value) -> bool {
    match (written, understood) {
        (Value::Object(written), Value::Object(understood)) => {
            understood.iter().all(|(key, value)| written.get(key).is_none_or(|written| agrees(written, value)))
        }
        (Value::Array(written), Value::Array(understood)) => {
            written.len() == understood.len() && written.iter().zip(understood).all(|(one, other)| agrees(one, other))
        }
        (Value::Array(written), Value::Number(number)) => number.as_u64() == Some(written.len() as u64),
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (one, other) => one == other,
    }
}

pub(crate) fn door() -> impl Fn(&Hostile<'_>) -> Verdict {
    let schema: Validator = jsonschema::validator_for(&schema()).unwrap();
    move |hostile| {
        let text = hostile.text();
        let config = match load(&text) {
            Ok(config) => config,
            Err(errors) => {
                // Where it stands as a password stands: what was spliced elsewhere is nobody's password any more.
                let is_password = text.matches("hunter2").count() == text.matches("://provisioner:hunter2@").count();
                prop_assert!(!is_password || !errors.contains("hunter2"), "{errors}");
                return Ok(false);
            }
        };
        let shown = format!("{config:?}");
        let is_password = text.matches("hunter2").count() == text.matches("://provisioner:hunter2@").count();
        prop_assert!(!is_password || !shown.contains("hunter2"), "{shown}");
        let written: Value =
            toml_edit::de::from_str(&text).map_err(|error| TestCaseError::fail(format!("no TOML: {error}")))?;
        prop_assert!(schema.is_valid(&written), "the schema refuses it");
        let understood = understood(&config);
        prop_assert!(agrees(&written, &understood), "it was understood as {understood:#}");
        Ok(true)
    }
}

#[test]
fn a_configuration_means_what_a_strict_parser_reads_or_is_refused_without_its_secrets() {
    super::walk("configuration");
}
