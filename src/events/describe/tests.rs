use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::json;

use super::*;
use crate::events::{ENVELOPE_SCHEMA, SCHEMAS};

const SOURCE: &str = "/phenom/provisioner/test";
const PLAN: &str = "0123456789abcdef0123456789abcdef";

/// What must never get out: what people are called, what they wrote, and rows of others.
const SECRET: &str = "Ada Lovelace <ada@example.org>";

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_764_430_690_123_456).unwrap()
}

/// A line of the ledger about somebody in a room, as the reconciler writes it, with words for people in it.
fn line(kind: &str, before: Value, after: Value) -> OutboxLine {
    OutboxLine {
        id: 4711,
        at: at(),
        kind: kind.to_owned(),
        outcome: "done".to_owned(),
        user_id: Some("@ada:example.org".to_owned()),
        room_id: Some("!staff:example.org".to_owned()),
        room_key: Some("staff".to_owned()),
        before: Some(before),
        after: Some(after),
        cause: format!("the roster says member of {SECRET}; the room is for members of team staff"),
        because: Some("selector".to_owned()),
        actor: None,
    }
}

fn of_account(kind: &str, before: Value, after: Value) -> OutboxLine {
    OutboxLine { room_id: None, room_key: None, ..line(kind, before, after) }
}

fn of_room(kind: &str, before: Value, after: Value) -> OutboxLine {
    OutboxLine { user_id: None, ..line(kind, before, after) }
}

fn of_service(kind: &str, cause: &str) -> OutboxLine {
    let bare = OutboxLine { user_id: None, before: None, after: None, ..of_account(kind, Value::Null, Value::Null) };
    OutboxLine { cause: cause.to_owned(), because: None, ..bare }
}

/// One line or more for each type, and what is special of it.
fn samples() -> Vec<OutboxLine> {
    let approved = |line: OutboxLine| OutboxLine { actor: Some("@boss:example.org".to_owned()), ..line };
    let drifted = |which: &str, line: OutboxLine| OutboxLine { because: Some(format!("drifted:{which}")), ..line };
    let on_cli = format!("command of root, who says to be \"{SECRET}\", on the command line");
    let plan = |kind: &str, cause: &str, before: Value, after: Value| OutboxLine {
        before: Some(before),
        after: Some(after),
        ..of_service(kind, &format!("{cause}: held plan {PLAN}"))
    };
    let counts = json!([{"class": "removals", "room": "staff", "count": 3, "of": 12}, {"class": "server_admins", "room": null, "count": 1, "of": null}]);
    vec![
        of_account("create_account", Value::Null, json!("active")),
        of_account("create_account", json!("locked"), json!("active")),
        of_account("create_account", json!("deactivated"), json!("active")),
        of_account("lock_account", json!("active"), json!("locked")),
        of_account("deactivate_account", json!("active"), json!("deactivated")),
        line("join", json!("leave"), json!("join")),
        OutboxLine { outcome: "interrupted".to_owned(), ..line("join", json!("none"), json!("join")) },
        line("remove", json!("join"), json!("leave")),
        approved(line("remove", json!("join"), json!("ban"))),
        OutboxLine { because: None, ..line("leave", json!("join"), json!("leave")) },
        of_account("grant_server_admin", json!(false), json!(true)),
        of_account("revoke_server_admin", json!(true), json!(false)),
        of_room(
            "set_power_levels",
            json!({"@ada:example.org": 50, "@bo:example.org": null, "users_default": 10, "events.m.room.topic": null}),
            json!({"@ada:example.org": null, "@bo:example.org": 50, "users_default": 0, "events.m.room.topic": 50}),
        ),
        drifted("topic", of_room("set_room_state", json!(SECRET), json!(SECRET))),
        drifted("join_rule", of_room("set_room_state", json!("public"), json!("invite"))),
        OutboxLine {
            cause: format!("command of @boss:example.org (forced); {SECRET} replaced the room"),
            because: None,
            ..of_room("follow", json!("!old:example.org"), json!("!staff:example.org"))
        },
        plan("hold", "the guard", Value::Null, counts.clone()),
        plan("hold", "the guard", json!(PLAN), counts),
        plan("approve", "command of @boss:example.org", json!("open"), json!("approved")),
        plan("dismiss", &on_cli, json!("open"), json!("dismissed")),
        OutboxLine {
            before: None,
            after: None,
            ..plan("expire", "nothing is held any more", Value::Null, Value::Null)
        },
        of_service("pause", "command of @boss:example.org"),
        of_service("resume", &on_cli),
        of_service("open_alert", "source the roster"),
        of_service("close_alert", "source the roster"),
    ]
}

fn described(line: &OutboxLine) -> Vec<Value> {
    events(line, SOURCE).iter().map(|event| serde_json::from_str(&event.body).unwrap()).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events")
}

fn schema(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

/// What `value` breaks of `schema`, and what of it the schema does not describe.
fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    let broken = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path()));
    let described = schema["properties"].as_object().unwrap();
    let undescribed = value.as_object().unwrap().keys().filter(|key| !described.contains_key(*key));
    broken.chain(undescribed.map(|key| format!("{key} is not described"))).collect()
}

#[test]
fn what_is_sent_is_as_its_schema_says() {
    let envelope = schema(ENVELOPE_SCHEMA);
    for line in samples() {
        let events = described(&line);
        assert!(!events.is_empty(), "{line:?}");
        for event in events {
            assert_eq!(faults(&envelope, &event), [""; 0], "{event:#}");
            let name = event["dataschema"].as_str().unwrap().strip_prefix(SCHEMAS).unwrap();
            assert_eq!(event["type"], format!("app.thephenom.provisioner.{name}"));
            assert_eq!(faults(&schema(name), &event["data"]), [""; 0], "{event:#}");
            assert_eq!(event["data"]["subject"], event["subject"], "{event:#}");
        }
    }
}

#[test]
fn each_type_has_a_sample_and_a_schema_and_the_other_way_round() {
    let types: BTreeSet<String> = EventType::ALL.iter().map(|kind| kind.versioned()).collect();
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let schemas: BTreeSet<String> = files
        .filter(|path| path.extension().is_some_and(|its| its == "json"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != ENVELOPE_SCHEMA)
        .collect();
    assert_eq!(types, schemas, "docs/events/ has one file a type");
    for name in schemas.iter().map(String::as_str).chain([ENVELOPE_SCHEMA]) {
        assert_eq!(schema(name)["$id"], format!("{SCHEMAS}{name}"));
    }
    let sent: BTreeSet<String> =
        samples().iter().flat_map(|line| events(line, SOURCE)).map(|event| event.kind.versioned()).collect();
    assert_eq!(types, sent, "each type has a sample here");
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for kind in EventType::ALL {
        assert!(readme.contains(&format!("`{}`", kind.name())), "docs/events/README.md does not name {}", kind.name());
    }
}

#[test]
fn a_schema_refuses_what_another_type_says() {
    let join = described(&line("join", json!("leave"), json!("join"))).remove(0);
    assert_ne!(faults(&schema("member.removed.v1"), &join["data"]), [""; 0]);
    let mut named = join["data"].clone();
    named["name"] = json!(SECRET);
    assert_eq!(faults(&schema("member.joined.v1"), &named), ["name is not described"]);
}

#[test]
fn nothing_gets_out_but_ids_and_words_of_ours() {
    for line in samples() {
        for event in events(&line, SOURCE) {
            let said = format!("{}{:?}{}", event.body, event.attributes().collect::<Vec<_>>(), event.id);
            for part in ["Lovelace", "ada@example.org", "roster says", "root"] {
                assert!(!said.contains(part), "{part} in {said}");
            }
        }
    }
    // Whatever a later version writes into the ledger is told when somebody has decided how.
    for kind in ["command", "rejoin", "set_profile", "refused"] {
        assert_eq!(events(&of_account(kind, json!(SECRET), json!(SECRET)), SOURCE), []);
    }
}

#[test]
fn an_event_is_the_same_at_each_repetition() {
    let line = line("join", json!("leave"), json!("join"));
    let event = events(&line, SOURCE).remove(0);
    assert_eq!(events(&line, SOURCE), std::slice::from_ref(&event));
    assert_eq!(event.id, "4711-1764430690123456");
    let type_of = "app.thephenom.provisioner.member.joined.v1";
    let wanted = [("type", type_of.to_owned()), ("outcome", "done".to_owned()), ("room", "staff".to_owned())];
    assert_eq!(event.attributes().collect::<Vec<_>>(), wanted);
    insta::assert_snapshot!(event.body, @r#"{"specversion":"1.0","id":"4711-1764430690123456","source":"/phenom/provisioner/test","type":"app.thephenom.provisioner.member.joined.v1","subject":"@ada:example.org","time":"2025-11-29T15:38:10.123456Z","datacontenttype":"application/json","dataschema":"tag:thephenom.app,2026:provisioner/events/member.joined.v1","data":{"room":"staff","room_id":"!staff:example.org","subject":"@ada:example.org","before":"leave","after":"join","because":"selector","cause":"policy","actor":null,"outcome":"done"}}"#);
}

#[test]
fn levels_are_an_event_for_each_person_and_one_for_the_room() {
    let line = of_room(
        "set_power_levels",
        json!({"@ada:example.org": 50, "@bo:example.org": null, "invite": 0}),
        json!({"@ada:example.org": null, "@bo:example.org": 50, "invite": 100}),
    );
    let told = |event: &Value| json!([event["id"], event["subject"], event["data"]["before"], event["data"]["after"]]);
    let told: Vec<Value> = described(&line).iter().map(told).collect();
    let id = |part: &str| format!("4711-1764430690123456/{part}");
    assert_eq!(
        told,
        [
            json!([id("@ada:example.org"), "@ada:example.org", 50, null]),
            json!([id("@bo:example.org"), "@bo:example.org", null, 50]),
            json!([id("room"), "!staff:example.org", {"invite": 0}, {"invite": 100}]),
        ]
    );
}

#[test]
fn whose_word_it_was_is_an_mxid_or_the_command_line() {
    let actor = |cause: &str| described(&of_service("pause", cause))[0]["data"]["actor"].clone();
    assert_eq!(actor("command of @boss:example.org"), "@boss:example.org");
    assert_eq!(actor("command of ada on the command line"), "command_line");
    let disguised = "command of ada, who says to be \"@boss:example.org\", on the command line";
    assert_eq!(actor(disguised), "command_line");
    let held =
        format!("command of ada, who says to be \": held plan {SECRET}\", on the command line: held plan {PLAN}");
    let event = described(&of_service("approve", &held)).remove(0);
    assert_eq!((&event["subject"], &event["data"]["actor"]), (&json!(PLAN), &json!("command_line")));
}
