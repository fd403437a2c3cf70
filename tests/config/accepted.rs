//! What passes, and what it means.

use std::time::Duration;

use phenom_provisioner::{
    cli,
    config::{Config, RoomIds, schema},
};
use provisioner_policy::{Mode, Offboarding, RoomLevel, Unlisted};

use crate::support::{Folder, MINIMAL, minimal_but, repository};

#[test]
fn example_passes() {
    let config = Config::load(&repository("provisioner.example.toml").into(), std::iter::empty(), RoomIds::Required)
        .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.rooms.len(), 4);
    assert_eq!(config.queue.as_ref().unwrap().visibility_timeout, Duration::from_secs(60));
    assert_eq!(config.appservice.registration, Some(repository("registration.yaml")));
}

#[test]
fn example_states_the_defaults() {
    let text = std::fs::read_to_string(repository("provisioner.example.toml")).unwrap();
    let example = Folder::with(&text).load(&[]).unwrap();
    let minimal = Folder::with(MINIMAL).load(&[]).unwrap();
    let (stated, default) = (example.roster.unwrap(), minimal.roster.unwrap());
    assert_eq!((stated.query, stated.poll_interval), (default.query, default.poll_interval));
    assert_eq!(example.mirror.resync_interval, minimal.mirror.resync_interval);
    assert_eq!(example.appservice.listen, minimal.appservice.listen);
    assert_eq!(example.admin.listen, minimal.admin.listen);
    assert_eq!(example.guard.window, minimal.guard.window);
    assert_eq!(example.guard.free_removals, minimal.guard.free_removals);
    assert_eq!(example.guard.max_removals, minimal.guard.max_removals);
    assert_eq!(example.guard.max_fraction, minimal.guard.max_fraction);
    assert_eq!(example.modes, minimal.modes, "who copies it counts first");
    assert_eq!(minimal.modes, Default::default());
}

#[test]
fn schema_accepts_the_example() {
    let text = std::fs::read_to_string(repository("provisioner.example.toml")).unwrap();
    let document: serde_json::Value = toml_edit::de::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn schema_refuses_what_is_given_twice() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let is_valid = |text: &str| {
        let document: serde_json::Value = toml_edit::de::from_str(text).unwrap();
        validator.is_valid(&document)
    };
    assert!(is_valid(MINIMAL));
    for (section, key, other) in [
        ("[database]", "url_file = \"x\"", ""),
        ("[database]", "password = \"x\"", "password_file = \"x\""),
        ("[roster]", "url = \"postgres://x/y\"", "url_file = \"x\""),
        ("[roster]", "password = \"x\"", "password_file = \"x\""),
        ("[appservice]", "registration = \"x\"", "registration_text = \"x\""),
    ] {
        let text = if MINIMAL.contains(section) { MINIMAL.to_owned() } else { format!("{MINIMAL}\n{section}\n") };
        let with = |keys: &str| text.replace(section, &format!("{section}\n{keys}"));
        assert!(!is_valid(&with(&format!("{key}\n{other}"))), "{section} {key} {other}");
        assert!(other.is_empty() || is_valid(&with(key)) && is_valid(&with(other)), "{section} {key} {other}");
    }
}

#[test]
fn every_key_of_the_schema_stands_in_the_example() {
    let example = std::fs::read_to_string(repository("provisioner.example.toml")).unwrap();
    let mut forgotten = Vec::new();
    for (section, key) in keys(&schema()) {
        // The part of the file under the section's header, up to the next header.
        let header = regex::Regex::new(&format!(r"(?m)^\[\[?{section}\]\]?")).unwrap();
        let part = match header.find(&example) {
            Some(found) => example[found.end()..].split("\n[").next().unwrap(),
            None => example.split("\n[").next().unwrap(),
        };
        let word = regex::Regex::new(&format!(r"\b{key}\b")).unwrap();
        if !word.is_match(part) {
            forgotten.push(format!("{section}.{key}"));
        }
    }
    assert_eq!(forgotten, Vec::<String>::new(), "give each a line in provisioner.example.toml");
}

/// Every key with the section of the file that it belongs to. A secret's `KEY_file` is the same for all of them.
fn keys(schema: &serde_json::Value) -> Vec<(String, String)> {
    fn below(schema: &serde_json::Value, section: Option<&str>, keys: &mut Vec<(String, String)>) {
        if let Some(items) = schema.get("items") {
            return below(items, section, keys);
        }
        let properties = schema.get("properties").and_then(serde_json::Value::as_object);
        // A selector's forms are told of in one line for all.
        for (name, schema) in properties.into_iter().flatten().filter(|(name, _)| !name.ends_with("_file")) {
            keys.push((section.unwrap_or(name).to_owned(), name.clone()));
            below(schema, section.or(Some(name)), keys);
        }
    }
    let mut keys = Vec::new();
    below(schema, None, &mut keys);
    keys.retain(|(section, key)| section != key || schema["properties"][section].get("type") == Some(&"string".into()));
    keys
}

#[test]
fn policy_is_what_the_file_says() {
    let text = std::fs::read_to_string(repository("provisioner.example.toml")).unwrap();
    let policy = Folder::with(&text).load(&[]).unwrap().policy("@bot:thephenom.app");
    assert_eq!(policy.bot, "@bot:thephenom.app");
    assert_eq!(policy.exempt, ["@phenom-mcp:thephenom.app"]);
    assert_eq!((policy.modes.joins, policy.modes.removals), (Mode::Observe, Mode::Observe));
    assert_eq!(policy.offboarding, Offboarding::Remove);
    assert_eq!((policy.guard.window_seconds, policy.settle.as_secs()), (3600, 3));
    let rooms: Vec<_> = policy.rooms.iter().map(|room| (room.key.as_str(), room.unlisted, room.power.len())).collect();
    assert_eq!(
        rooms,
        [
            ("red-room", Unlisted::Keep, 1),
            ("staff", Unlisted::Remove, 2),
            ("analysts", Unlisted::Remove, 0),
            ("experiencers", Unlisted::Remove, 0)
        ]
    );
    assert_eq!(policy.rooms[0].settings.name.as_deref(), Some("The Red Room"));
    let levels = [(RoomLevel::Invite, 100), (RoomLevel::Event("m.room.tombstone".to_owned()), 100)];
    assert_eq!((&policy.rooms[0].levels[..], policy.rooms[1].levels.len()), (&levels[..], 0));
    insta::assert_snapshot!(policy.rooms[1].power[1].grant[0], @r#"{ team = "staff", role = "lead" }"#);
}

#[test]
fn roster_reads_the_own_database_by_default() {
    let config = Folder::with(MINIMAL).load(&[]).unwrap();
    assert_eq!(config.roster.unwrap().url, config.database.url);
}

#[test]
fn roster_logs_in_as_the_own_database_does_where_it_has_no_url() {
    let folder = Folder::with(&minimal_but(
        "url = \"postgres://localhost/provisioner\"",
        "url = \"postgres://us@db/ours\"\npassword_file = \"password\"",
    ));
    folder.write("password", "first\n");
    let config = folder.load(&[]).unwrap();
    assert_eq!(config.secret_file("/roster/password"), Some(folder.path("password")));
    assert_eq!(config.roster.unwrap().password.unwrap().expose(), "first");
}

#[test]
fn room_ids_of_version_12_need_no_server() {
    let id = format!("!{}", "aB3-_".repeat(9).split_at(43).0);
    let config = Folder::with(&minimal_but("!abc:example.org", &id)).load(&[]).unwrap();
    assert_eq!(config.rooms[0].id.as_ref().unwrap().as_str(), id);
}

#[test]
fn room_of_another_server_is_accepted() {
    assert!(Folder::with(&minimal_but("!abc:example.org", "!abc:other.example:8448")).load(&[]).is_ok());
}

#[test]
fn bootstrap_takes_a_room_without_id() {
    let folder = Folder::with(&minimal_but("id = \"!abc:example.org\"\n", ""));
    let config = folder.load_with(&[], RoomIds::Optional).unwrap();
    assert_eq!(config.rooms[0].id, None);
    assert_eq!(config.policy("@bot:example.org").rooms.len(), 0);
}

#[test]
fn listening_on_any_free_port_never_clashes() {
    let text = format!("{MINIMAL}\n[appservice]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n");
    assert!(Folder::with(&text).load(&[]).is_ok());
}

#[test]
fn check_prints_a_summary() {
    let folder = Folder::with(&format!("{MINIMAL}\n[modes]\njoins = \"enforce\"\n"));
    let config = folder.load(&[]).unwrap();
    let [as_token, hs_token] = ["0123456789abcdef", "fedcba9876543210"].map(phenom_provisioner::config::Secret::new);
    let registration = cli::registration::render(&config, &Default::default(), &as_token, &hs_token);
    folder.write("registration.yaml", &registration.replace("rate_limited: false", "rate_limited: true"));
    let summary = cli::config::summary(&folder.path("provisioner.toml").into(), std::iter::empty()).unwrap();
    insta::assert_snapshot!(summary.replace(&folder.path("").display().to_string(), ""), @"
    configuration is valid: test of example.org
      read      provisioner.toml, registration.yaml
      bot       @phenom-provisioner-bot:example.org
      rooms     1: staff
      sources   roster
      enforced  joins
      observed  accounts, removals, power_levels, room_state, server_admins, profiles
    warning: registration.yaml: rate_limited is not false: Synapse will answer 429 after ten invitations; write rate_limited: false and restart Synapse
    ");
}
