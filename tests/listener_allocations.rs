//! What reading a transaction allocates, counted: nothing for chat, however much of it comes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use allocation_counter::measure;
use phenom_provisioner::intake::appservice::{Interest, transaction::read};
use ruma::{room_id, user_id};
use serde_json::{Value, json};

fn interest() -> Interest {
    Interest::new(user_id!("@bot:hs"), [room_id!("!red:hs").to_owned(), room_id!("!staff:hs").to_owned()])
        .with_commands(room_id!("!staff:hs"), "!provisioner")
}

/// A transaction of so many of these events, and how many allocations reading it takes; all or none of it matters.
fn allocations(count: usize, matters: bool, event: impl Fn(usize) -> Value) -> u64 {
    let events: Vec<Value> = (0..count).map(event).collect();
    let body = json!({ "events": events }).to_string();
    let interest = interest();
    let mut kept = 0;
    let counted = measure(|| kept = read(body.as_bytes(), &interest).unwrap().matters.len());
    assert_eq!(kept, if matters { count } else { 0 });
    counted.count_total
}

fn message(number: usize) -> Value {
    json!({
        "type": "m.room.message",
        "event_id": format!("${number}"),
        "room_id": "!red:hs",
        "sender": "@ann:hs",
        "content": {
            "msgtype": "m.text",
            "body": "Good \"morning\" \u{1fab6}\nto all",
            "formatted_body": "<p>Good <em>morning</em></p>",
            "m.mentions": { "user_ids": ["@bob:hs"] },
            "m.relates_to": { "m.in_reply_to": { "event_id": "$0" } },
        },
        "unsigned": { "age": 42 },
    })
}

#[test]
fn chat_allocates_nothing() {
    for count in [0, 1, 100] {
        assert_eq!(allocations(count, false, message), 0, "{count} messages");
    }
}

#[test]
fn what_is_kept_allocates_for_the_list_of_it_alone() {
    let member = |number| {
        let mut event = message(number);
        event["type"] = "m.room.member".into();
        event["state_key"] = format!("@{number}:hs").into();
        event
    };
    assert_eq!(allocations(1, true, member), 1);
    // The list doubles: 4, 8, 16, 32, 64, 128.
    assert!(allocations(100, true, member) <= 6);
}
