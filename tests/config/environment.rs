//! Variables over the file.

use crate::support::{Folder, MINIMAL, errors_with};

#[test]
fn variables_override_the_file() {
    let config = Folder::with(MINIMAL)
        .load(&[
            ("PHENOM_PROVISIONER__ENVIRONMENT", "staging"),
            ("PHENOM_PROVISIONER__HOMESERVER__URL", "https://other.example"),
            ("PHENOM_PROVISIONER__GUARD__MAX_REMOVALS", "7"),
            ("PHENOM_PROVISIONER__MODES", "{ joins = \"enforce\" }"),
            ("PHENOM_PROVISIONER__MODES__REMOVALS", "enforce"),
            ("PHENOM_PROVISIONER__ROOMS", "[{ key = \"red\", id = \"!r:example.org\", members = [\"everyone\"] }]"),
            ("HOME", "/"),
        ])
        .unwrap();
    assert_eq!(config.environment, "staging");
    assert_eq!(config.homeserver.url, "https://other.example");
    assert_eq!(config.guard.max_removals, 7);
    assert_eq!(config.rooms[0].key, "red");
    let enforced: Vec<_> = config.modes.classes().into_iter().filter(|(_, mode)| *mode != Default::default()).collect();
    assert_eq!(enforced.len(), 2);
}

#[test]
fn string_is_taken_as_it_stands() {
    let config = Folder::with(MINIMAL).load(&[("PHENOM_PROVISIONER__ENVIRONMENT", "\"5\" # five")]).unwrap();
    assert_eq!(config.environment, "\"5\" # five");
}

#[test]
fn variable_can_make_a_section() {
    let text = MINIMAL.replace("[database]\nurl = \"postgres://localhost/provisioner\"\n", "");
    assert!(Folder::with(&text).load(&[("PHENOM_PROVISIONER__DATABASE__URL", "postgres://localhost/x")]).is_ok());
}

#[test]
fn unknown_variables_name_the_nearest() {
    let variables = [
        ("PHENOM_PROVISIONER__DATABASE__ULR", "postgres://bot:hunter2@localhost/x"),
        ("PHENOM_PROVISIONER__HOMSERVER__URL", "http://localhost"),
        ("PHENOM_PROVISIONER__ROOMS__0__ID", "!a:b"),
        ("PHENOM_PROVISIONER__ENVIRONMENT__X", "1"),
        ("PHENOM_PROVISIONER__", "1"),
    ];
    insta::assert_snapshot!(errors_with(MINIMAL, &variables), @"
    5 errors in provisioner.toml:
      1. PHENOM_PROVISIONER__: this variable sets no key
         → write PHENOM_PROVISIONER__SECTION__KEY, with two underscores before each part
      2. PHENOM_PROVISIONER__DATABASE__ULR: this variable sets no key
         → did you mean PHENOM_PROVISIONER__DATABASE__URL?
      3. PHENOM_PROVISIONER__ENVIRONMENT__X: this variable sets no key
         → environment has no keys: did you mean PHENOM_PROVISIONER__ENVIRONMENT?
      4. PHENOM_PROVISIONER__HOMSERVER__URL: this variable sets no key
         → did you mean PHENOM_PROVISIONER__HOMESERVER__…?
      5. PHENOM_PROVISIONER__ROOMS__0__ID: rooms is a list, which a variable can only set whole
         → write PHENOM_PROVISIONER__ROOMS='[{ … }, { … }]'
    ");
}

#[test]
fn an_underscore_too_few_is_told_and_what_others_set_is_left_alone() {
    let variables = [
        ("PHENOM_PROVISIONER_MODES__REMOVALS", "observe"),
        ("PHENOM_PROVISIONER_CONFIG", "provisioner.toml"),
        ("PHENOM_PROVISIONER_PORT", "tcp://10.0.0.1:8090"),
        ("PHENOM_PROVISIONER_PORT_8090_TCP_ADDR", "10.0.0.1"),
        ("PHENOM_PROVISIONER_SERVICE_HOST", "10.0.0.1"),
    ];
    insta::assert_snapshot!(errors_with(MINIMAL, &variables), @"
    error in PHENOM_PROVISIONER_MODES__REMOVALS: this variable sets no key
      → did you mean PHENOM_PROVISIONER__MODES__REMOVALS, with two underscores before each part?
    ");
    assert!(Folder::with(MINIMAL).load(&variables[1..]).is_ok());
}

#[test]
fn value_that_is_not_utf_8() {
    let variables = [("PHENOM_PROVISIONER__HOMESERVER__URL", "http://\u{fffd}")];
    insta::assert_snapshot!(errors_with(MINIMAL, &variables), @"
    error in PHENOM_PROVISIONER__HOMESERVER__URL: the value is not UTF-8
      → set it to UTF-8 text
    ");
}

#[test]
fn bad_values_name_the_variable() {
    let variables = [
        ("PHENOM_PROVISIONER__GUARD__WINDOW", "1x"),
        ("PHENOM_PROVISIONER__GUARD__MAX_REMOVALS", "many"),
        ("PHENOM_PROVISIONER__GUARD__FREE_REMOVALS", "-1"),
        (
            "PHENOM_PROVISIONER__ROOMS",
            "[{ key = \"red\", id = \"!r\", members = [\"all\"] }, { key = \"x\", ids = \"!r\" }]",
        ),
        ("PHENOM_PROVISIONER__MODES", "enforce"),
    ];
    insta::assert_snapshot!(errors_with(MINIMAL, &variables), @r#"
    8 errors in provisioner.toml:
      1. PHENOM_PROVISIONER__GUARD__FREE_REMOVALS: guard.free_removals = -1 is outside 0 to 1000000
         → write a number within the bounds
      2. PHENOM_PROVISIONER__GUARD__MAX_REMOVALS: the value is not TOML: string values must be quoted, expected literal string
         → write a number, for example 5
      3. PHENOM_PROVISIONER__GUARD__WINDOW: guard.window = "1x" is not a duration
         → write for example "30s", "5m" or "6h"
      4. PHENOM_PROVISIONER__MODES: the value is not TOML: string values must be quoted, expected literal string
         → write a section, for example '{ key = "value" }'
      5. PHENOM_PROVISIONER__ROOMS: rooms[red].id = "!r" lacks its server part
         → write the full id, "!r:example.org"
      6. PHENOM_PROVISIONER__ROOMS: rooms[red].members[#1] = "all" is not a selector
         → write "everyone", { team = "…" }, { team = "…", role = "…" }, { group = "…" } or { subject = "…" }
      7. PHENOM_PROVISIONER__ROOMS: rooms[x].ids is not a key
         → did you mean id? rooms[x] has federate, guest_access, history_visibility, id, join_rule, key, levels, members, name, on_leave, on_return, power, topic and unlisted
      8. PHENOM_PROVISIONER__ROOMS: rooms[x].members is missing
         → add members = ["everyone"]
    "#);
}
