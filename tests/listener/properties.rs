//! Reading a transaction, against a naive reader built on `serde_json::Value`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use phenom_provisioner::intake::appservice::{
    Interest,
    transaction::{Malformed, read},
};
use proptest::prelude::*;
use ruma::{room_id, user_id};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

fn interest() -> Interest {
    Interest::new(user_id!("@bot:hs"), [room_id!("!red:hs").to_owned(), room_id!("!staff:hs").to_owned()])
        .with_commands(room_id!("!staff:hs"), "!provisioner")
}

/// Whether an event matters, written for clearness; `None` for one that is unreadable.
fn naive(event: &Value) -> Option<bool> {
    let id = |key: &str| {
        let id = event.get(key)?.as_str()?;
        (!id.is_empty() && id.len() <= 255 && !id.contains('\0')).then_some(id)
    };
    let (_, room, event_type) = (id("event_id")?, id("room_id")?, id("type")?);
    let managed = ["!red:hs", "!staff:hs"].contains(&room);
    let body = event.pointer("/content/body").and_then(Value::as_str);
    let command = body.is_some_and(|body| body.to_lowercase().contains("!provisioner"));
    Some(match event.get("state_key") {
        Some(state_key) => {
            let about_the_bot = state_key.as_str()? == "@bot:hs" && event_type == "m.room.member";
            managed || about_the_bot
        }
        None if event_type == "m.room.redaction" => managed,
        None if event_type == "m.room.message" => room == "!staff:hs" && command,
        None if event_type == "m.reaction" => room == "!staff:hs",
        None => false,
    })
}

/// How to write JSON: as compact as can be, spread out, or with every character of every string escaped.
#[derive(Debug, Clone, Copy)]
enum Style {
    Compact,
    Spread,
    Escaped,
}

fn write(value: &Value, style: Style) -> String {
    match style {
        Style::Compact => value.to_string(),
        Style::Spread => serde_json::to_string_pretty(value).unwrap(),
        Style::Escaped => escaped(value),
    }
}

fn escaped(value: &Value) -> String {
    let text = |text: &str| {
        let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        format!("\"{units}\"")
    };
    match value {
        Value::String(string) => text(string),
        Value::Array(items) => format!("[{}]", items.iter().map(escaped).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(key, value)| format!("{}:{}", text(key), escaped(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        other => other.to_string(),
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{0,8}|type|room_id|\\PC", inner, 0..4)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::sample::select(words).prop_map(Value::from)
}

/// A field that is mostly sensible, at times anything, at times absent.
fn field(words: &'static [&'static str]) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![8 => one_of(words).prop_map(Some), 1 => any_json().prop_map(Some), 1 => Just(None)]
}

fn event_like() -> impl Strategy<Value = Value> {
    let content = prop_oneof![
        any_json(),
        one_of(&["!provisioner plan", "> x\n\n!PROVISIONER", "provisioner", "hello"])
            .prop_map(|body| json!({ "body": body })),
    ];
    (
        field(&["$1", "$2", "$\u{e9}", ""]),
        field(&["!red:hs", "!staff:hs", "!other:hs", "!Red:hs"]),
        field(&["m.room.member", "m.room.message", "m.reaction", "m.room.redaction", "m.room.name", "x\0y"]),
        prop_oneof![Just(None), field(&["", "@bot:hs", "@ann:hs"])],
        prop::option::of(content),
    )
        .prop_map(|(event_id, room_id, event_type, state_key, content)| {
            let fields = [
                ("event_id", event_id),
                ("room_id", room_id),
                ("type", event_type),
                ("state_key", state_key),
                ("content", content),
            ];
            fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
        })
}

fn any_event() -> impl Strategy<Value = Value> {
    prop_oneof![4 => event_like(), 1 => any_json()]
}

fn any_style() -> impl Strategy<Value = Style> {
    prop_oneof![Just(Style::Compact), Just(Style::Spread), Just(Style::Escaped)]
}

/// Pieces that JSON is made of, and some that it is not.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "{\"a\":",
    "\"a\":",
    "{}",
    "[]",
    "true",
    "false",
    "null",
    "nul",
    "0",
    "-0",
    "00",
    "12",
    "-",
    "1.5",
    "1.",
    ".5",
    "1e5",
    "1E-5",
    "1e",
    "1e+",
    "2e99999",
    "\"\"",
    "\"x\"",
    "\"\\n\"",
    "\"\\x\"",
    "\"\\u00e9\"",
    "\"\\u00g9\"",
    "\"\\ud800\"",
    "\"\\\\\"",
    "\"\\\"\"",
    "\"\u{1}\"",
    "\"\u{7f}é\"",
    "\"a",
    " ",
    "\n",
    "\u{b}",
    "\u{feff}",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn what_matters_is_what_a_naive_reader_says(events in prop::collection::vec(any_event(), 0..8), style in any_style()) {
        let body = write(&json!({ "before": [{}], "events": events, "zafter": 1.5 }), style);
        let transaction = read(body.as_bytes(), &interest()).unwrap();
        let expected: Vec<&Value> = events.iter().filter(|event| naive(event) == Some(true)).collect();
        let kept: Vec<Value> = transaction.matters.iter().map(|event| serde_json::from_str(event.raw).unwrap()).collect();
        // Read again, since a number may change in its last place on the way through text.
        let expected: Vec<Value> = expected.iter().map(|event| serde_json::from_str(&event.to_string()).unwrap()).collect();
        prop_assert_eq!(&kept, &expected);
        for (event, value) in transaction.matters.iter().zip(&kept) {
            prop_assert_eq!(Some(&*event.event_id), value["event_id"].as_str());
            prop_assert_eq!(Some(&*event.room_id), value["room_id"].as_str());
            prop_assert_eq!(Some(&*event.event_type), value["type"].as_str());
        }
        let unreadable = events.iter().filter(|event| naive(event).is_none()).count();
        prop_assert_eq!(transaction.seen.unreadable(), unreadable as u64);
        prop_assert_eq!(transaction.seen.total(), events.len() as u64);
    }

    #[test]
    fn a_damaged_body_is_refused_only_if_it_is_not_json(
        events in prop::collection::vec(any_event(), 0..4),
        style in any_style(),
        at in any::<prop::sample::Index>(),
        damage in prop_oneof![any::<u8>(), prop::sample::select(b"{}[]:,\"\\0e \n\0".as_slice())],
        how in 0..3,
    ) {
        let mut body = write(&json!({ "events": events }), style).into_bytes();
        let at = at.index(body.len());
        match how {
            0 => body[at] = damage,
            1 => body.insert(at, damage),
            _ => drop(body.remove(at)),
        }
        let json = std::str::from_utf8(&body).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        prop_assert_eq!(matches!(read(&body, &interest()), Err(Malformed::NotJson)), !json);
    }

    #[test]
    fn what_is_json_is_what_serde_json_says(
        tokens in prop::collection::vec(prop_oneof![prop::sample::select(TOKENS), Just(",\"a\":"), Just(",")], 0..12),
        in_an_event in any::<bool>(),
    ) {
        let value = tokens.concat();
        let body = if in_an_event { format!("{{\"events\":[{{\"type\":{value}}}]}}") } else { value };
        let json = serde_json::from_str::<IgnoredAny>(&body).is_ok();
        prop_assert_eq!(matches!(read(body.as_bytes(), &interest()), Err(Malformed::NotJson)), !json, "{}", body);
    }

    #[test]
    fn depth_does_not_matter(depth in 0..200_usize, close in 0..200_usize, arrays in any::<u64>()) {
        let array = |level: usize| arrays >> (level % 64) & 1 == 1;
        let open: String = (0..depth).map(|level| if array(level) { "[" } else { "{\"a\":" }).collect();
        let shut: String = (0..depth).rev().map(|level| if array(level) { "]" } else { "}" }).collect();
        let body = format!("{{\"events\":[{{\"content\":{open}0{shut}}},7]}}");
        let transaction = read(body.as_bytes(), &interest()).unwrap();
        prop_assert_eq!(transaction.seen.unreadable(), 2);
        if let Some(level) = (close < depth).then_some(close) {
            let mut crossed = shut.into_bytes();
            crossed[depth - 1 - level] = if array(level) { b'}' } else { b']' };
            let body = format!("{{\"events\":[{{\"content\":{open}0{}}}]}}", String::from_utf8(crossed).unwrap());
            prop_assert_eq!(read(body.as_bytes(), &interest()).unwrap_err(), Malformed::NotJson);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = read(&body, &interest());
    }
}
