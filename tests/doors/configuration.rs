//! The configuration: written by hand, and by templates. What starts means what a strict parser reads, and no more.

use std::collections::BTreeMap;

use jsonschema::Validator;
use phenom_provisioner::config::{CONFIG_TEXT, Config, ConfigLocation, RoomIds, schema};
use proptest::prelude::*;
use provisioner_policy::{Class, Selector, Setting};
use serde_json::{Value, json};

use super::hostile::{Hostile, Verdict};

fn load(text: &str) -> Result<Config, String> {
    let variable = (CONFIG_TEXT.to_owned(), text.to_owned());
    Config::load(&ConfigLocation::Variable, [variable].into_iter(), RoomIds::Required)
        .map_err(|errors| errors.to_string())
}

/// A selector as the file has it.
fn selector(selector: &Selector) -> Value {
    match selector {
        Selector::Everyone => json!("everyone"),
        Selector::Team(team) => json!({"team": team}),
        Selector::TeamRole { team, role } => json!({"team": team, "role": role}),
        Selector::Group(group) => json!({"group": group}),
        Selector::Subject(subject) => json!({"subject": subject}),
    }
}

fn selectors(list: &[Selector]) -> Value {
    list.iter().map(selector).collect()
}

/// What decides over people, as the planner gets it, in words of the file.
fn understood(config: &Config) -> Value {
    let policy = config.policy_of_all_rooms("@bot:example.org");
    let rooms = config.rooms.iter().zip(&policy.rooms).map(|(section, room)| {
        let power = room.power.iter().map(|one| json!({"level": one.level, "grant": selectors(&one.grant)}));
        let levels: BTreeMap<String, i64> = room.levels.iter().map(|(of, level)| (of.name(), *level)).collect();
        let settings = Setting::ALL.map(|setting| (setting.key(), setting.wanted(&room.settings)));
        json!({
            "key": room.key, "id": room.id, "members": selectors(&room.members), "federate": section.federate,
            "unlisted": room.unlisted, "on_leave": room.on_leave, "on_return": room.on_return,
            "power": power.collect::<Vec<_>>(), "levels": levels, "settings": BTreeMap::from(settings),
        })
    });
    let commands = config.commands.as_ref().map(|commands| json!({"room": commands.room, "prefix": commands.prefix}));
    json!({
        "environment": config.environment,
        "homeserver": {"url": config.homeserver.url, "server_name": policy.server_name},
        "guard": {
            "free_removals": policy.guard.free_removals, "max_removals": policy.guard.max_removals,
            "max_fraction": policy.guard.max_fraction, "exempt": policy.exempt,
        },
        "modes": BTreeMap::from(Class::ALL.map(|class| (class.key(), class.mode(&policy.modes)))),
        "rooms": rooms.collect::<Vec<_>>(),
        "commands": commands, "operators": selectors(&policy.operators),
        "server_admins": selectors(&policy.server_admins), "offboarding": policy.offboarding,
    })
}

/// The same by the file alone. What it leaves out is as `docs/configuration.md` says.
fn meant(file: &Value) -> Value {
    let or = |value: &Value, default: Value| if value.is_null() { default } else { value.clone() };
    let rooms = file["rooms"].as_array().into_iter().flatten().map(|room| {
        let is_of_all = room["members"].as_array().is_some_and(|members| members.contains(&json!("everyone")));
        let mut levels = room["levels"].as_object().cloned().unwrap_or_default();
        for (kind, level) in levels.remove("events").iter().filter_map(Value::as_object).flatten() {
            levels.insert(format!("events.{kind}"), level.clone());
        }
        let settings = ["name", "topic", "join_rule", "history_visibility", "guest_access"];
        json!({
            "key": room["key"], "id": room["id"], "members": room["members"],
            "federate": or(&room["federate"], json!(false)),
            "unlisted": or(&room["unlisted"], json!(if is_of_all { "keep" } else { "remove" })),
            "on_leave": or(&room["on_leave"], json!("respect")), "on_return": or(&room["on_return"], json!("ban")),
            "power": or(&room["power"], json!([])), "levels": levels,
            "settings": BTreeMap::from(settings.map(|key| (key, &room[key]))),
        })
    });
    let (homeserver, guard, commands) = (&file["homeserver"], &file["guard"], &file["commands"]);
    let modes = ["accounts", "joins", "removals", "power_levels", "room_state", "server_admins", "profiles"];
    let prefix = or(&commands["prefix"], json!("!provisioner"));
    json!({
        "environment": file["environment"],
        "homeserver": {"url": homeserver["url"], "server_name": homeserver["server_name"]},
        "guard": {
            "free_removals": or(&guard["free_removals"], json!(2)),
            "max_removals": or(&guard["max_removals"], json!(5)),
            // A whole number is a share, too.
            "max_fraction": or(&guard["max_fraction"], json!(0.2)).as_f64(),
            "exempt": or(&guard["exempt"], json!([])),
        },
        "modes": BTreeMap::from(modes.map(|class| (class, or(&file["modes"][class], json!("observe"))))),
        "rooms": rooms.collect::<Vec<_>>(),
        "commands": commands.is_object().then(|| json!({"room": commands["room"], "prefix": prefix})),
        "operators": or(&commands["allow"], json!([])),
        "server_admins": or(&file["server_admins"]["grant"], json!([])),
        "offboarding": or(&file["cognito"]["offboarding"], json!("remove")),
    })
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
        prop_assert_eq!(understood(&config), meant(&written));
        Ok(true)
    }
}

#[test]
fn a_configuration_means_what_a_strict_parser_reads_or_is_refused_without_its_secrets() {
    super::walk("configuration");
}
