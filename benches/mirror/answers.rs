//! What Synapse answers about one room, as 1.163.2 writes it.

use std::fmt::Write;

use serde_json::{Value, json};

pub(crate) const SERVER: &str = "thephenom.app";
pub(crate) const BOT: &str = "@phenom-provisioner:thephenom.app";
pub(crate) const ROOM: &str = "!jFXGFANpXTXXgNkdNi:thephenom.app";

/// A name as Cognito gives them.
fn mxid(number: usize) -> String {
    let mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("@{number:08x}-bbfd-4b2d-9b5d-{:012x}:{SERVER}", mixed >> 16)
}

/// The admin API's list of who is joined: the bot, and as many as are asked for.
pub(crate) fn members(members: usize) -> Vec<u8> {
    let mut body = format!("{{\"members\":[\"{BOT}\"");
    (0..members).for_each(|number| write!(body, ",\"{}\"", mxid(number)).expect("a text takes all"));
    write!(body, "],\"total\":{}}}", members + 1).expect("a text takes all");
    body.into_bytes()
}

/// The events of those who are not joined: every other left by choice, the others were removed.
pub(crate) fn others(members: usize, others: usize) -> Vec<u8> {
    let mut body = "{\"chunk\":[".to_owned();
    for number in 0..others {
        let user = mxid(members + number);
        let sender = if number % 2 == 0 { &user } else { BOT };
        let (comma, before) = (if number == 0 { "" } else { "," }, "$pyhQ2mUFZ8nKmFqXz0rWc7Tg1b-JlLhEIQ2kNwCz");
        write!(
            body,
            "{comma}{{\"type\":\"m.room.member\",\"room_id\":\"{ROOM}\",\"sender\":\"{sender}\",\
             \"content\":{{\"membership\":\"leave\"}},\"state_key\":\"{user}\",\"origin_server_ts\":1795225237996,\
             \"unsigned\":{{\"replaces_state\":\"{before}00\",\"prev_content\":{{\"displayname\":\"Ann-Sofie \
             \u{c5}ngstr\u{f6}m\",\"membership\":\"join\"}},\"prev_sender\":\"{user}\",\"age\":725014}},\
             \"event_id\":\"$fR2mUFZ8nKmFqXz0rWc7Tg1b-JlLhEI{number:012}\",\"user_id\":\"{sender}\",\"age\":725014,\
             \"replaces_state\":\"{before}00\",\"prev_content\":{{\"membership\":\"join\"}}}}"
        )
        .expect("a text takes all");
    }
    body.push_str("]}");
    body.into_bytes()
}

/// What state the room has: its content, and of its creation, which is asked for whole, the event.
pub(crate) fn state(event_type: &str) -> Option<Value> {
    Some(match event_type {
        "m.room.create" => json!({
            "type": "m.room.create", "state_key": "", "room_id": ROOM, "sender": BOT, "content": {"room_version": "10"},
            "event_id": "$pyhQ2mUFZ8nKmFqXz0rWc7Tg1b-JlLhEIQ2kNwCz", "origin_server_ts": 1_795_225_237_996_u64, "unsigned": {},
        }),
        "m.room.power_levels" => json!({"users": { BOT: 100 }, "users_default": 0, "events": {}, "state_default": 50}),
        "m.room.join_rules" => json!({"join_rule": "invite"}),
        "m.room.history_visibility" => json!({"history_visibility": "shared"}),
        "m.room.name" => json!({"name": "Red Room"}),
        _ => return None,
    })
}
