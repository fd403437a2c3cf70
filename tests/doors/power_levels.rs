//! Content of power-levels events: whoever may send one in a managed room writes it. Nobody may have less or more power here than
//! Synapse gives them, and no plan gives power that no grant gives.

use proptest::prelude::*;
use provisioner_policy::*;
use serde_json::{Value, json};

use super::hostile::{Hostile, Verdict};

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";
const FOUNDER: &str = "@founder:phenom.test";
const PROBED: [&str; 6] = [BOT, FOUNDER, "@u1:phenom.test", "@u2:phenom.test", "@u3:phenom.test", "@u9:elsewhere.test"];

/// Digits of other scripts, which Python reads as well: they are left to the tests of `level_number`.
fn has_other_digits(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().any(|c| !c.is_ascii() && c.is_numeric()),
        Value::Array(values) => values.iter().any(has_other_digits),
        Value::Object(entries) => entries.values().any(has_other_digits),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Python's `int()`, as Synapse applies it to a level.
fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(flag) => Some(i64::from(*flag)),
        Value::Number(number) => Some(number.as_i64().unwrap_or_else(|| number.as_f64().unwrap().trunc() as i64)),
        Value::String(text) => {
            let text = text.trim();
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let parts: Vec<&str> = digits.split('_').collect();
            let is_one = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
            let saturated = if text.starts_with('-') { -i64::MAX } else { i64::MAX };
            is_one.then(|| text.replace('_', "").parse().unwrap_or(saturated))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What takes a level in a room, with its level by Synapse's event auth where the room says none: `get_named_level`, and for the
/// two defaults `get_send_level`.
const LEVELS: [(&str, RoomLevel, i64); 6] = [
    ("invite", RoomLevel::Invite, 0),
    ("kick", RoomLevel::Kick, 50),
    ("ban", RoomLevel::Ban, 50),
    ("redact", RoomLevel::Redact, 50),
    ("state_default", RoomLevel::StateDefault, 50),
    ("events_default", RoomLevel::EventsDefault, 0),
];

/// The level under this key; `None` where Synapse fails.
fn named(content: &Value, key: &str, otherwise: i64) -> Option<i64> {
    content.get(key).map_or(Some(otherwise), int)
}

/// The level that state of this type takes by `get_send_level`; `None` where Synapse fails.
fn to_send(content: &Value, event_type: &str) -> Option<i64> {
    let own = content.get("events").and_then(|events| events.get(event_type));
    own.map_or_else(|| named(content, "state_default", 50), int)
}

/// The level of a user by `get_user_power_level` of Synapse's event auth; `None` where it fails.
fn level(content: &Value, mxid: &str) -> Option<i64> {
    let named = content.get("users").and_then(|users| users.get(mxid));
    match named.or_else(|| content.get("users_default")) {
        Some(level) => int(level),
        None => Some(0),
    }
}

fn world(version: &str, content: &Value) -> World {
    let room = RoomPolicy {
        unlisted: Unlisted::Keep,
        power: vec![PowerGrant { level: 50, grant: vec![Selector::Team("staff".to_owned())] }],
        ..RoomPolicy::new("staff", format!("!staff:{SERVER}"), vec![Selector::Team("staff".to_owned())])
    };
    let mode = Mode::Enforce;
    let mut world = World::new(Policy {
        server_name: SERVER.to_owned(),
        bot: BOT.to_owned(),
        rooms: vec![room],
        modes: Modes { joins: mode, removals: mode, power_levels: mode, ..Modes::default() },
        ..Policy::default()
    });
    let row = RosterRow { subject: Some("u1".into()), team: Some("staff".into()), role: Some("member".into()) };
    world.set_roster(read_roster([row], SERVER, BOT));
    let room = world.rooms().next().unwrap();
    let mut mirror = RoomMirror::of_version(version.to_owned());
    let entry = |content| StateEntry { content, sender: FOUNDER.to_owned(), event_id: "$e".to_owned() };
    mirror.set_state("m.room.create", entry(json!({"room_version": version})));
    mirror.set_state(POWER_LEVELS, entry(content.clone()));
    mirror.status = RoomStatus::Ready;
    world.set_room(room, mirror);
    for mxid in PROBED {
        world.set_membership(room, mxid, Membership::Join, None);
    }
    world.set_accounts_listed(true);
    world
}

pub(crate) fn door() -> impl Fn(&Hostile<'_>) -> Verdict {
    move |hostile| {
        let content = serde_json::from_slice::<Value>(hostile.bytes).ok();
        let Some(content) = content.filter(|content| !has_other_digits(content)) else { return Ok(false) };
        let mut was_read = false;
        for version in ["5", "11", "12"] {
            let world = world(version, &content);
            let room = world.rooms().next().unwrap();
            let plan = plan(&world, &Recent::default());
            let edits = plan.due().chain(plan.held()).filter_map(|action| match &action.change {
                Change::SetPowerLevels { edits, .. } => Some(edits.to_vec()),
                _ => None,
            });
            let edits: Vec<PowerEdit> = edits.flatten().collect();
            let Ok(levels) = world.room(room).levels() else {
                prop_assert_eq!(edits, vec![], "nobody knows what these levels mean");
                continue;
            };
            was_read = true;
            let is_above_all = |mxid: &str| version == "12" && mxid == FOUNDER;
            for mxid in PROBED {
                match level(&content, mxid) {
                    _ if is_above_all(mxid) => prop_assert_eq!(levels.of(mxid), ABOVE_ALL),
                    Some(level) => prop_assert_eq!(levels.of(mxid), level, "{} in version {}", mxid, version),
                    None => prop_assert!(false, "Synapse makes nothing of the level of {mxid}"),
                }
            }
            for (key, of, otherwise) in LEVELS {
                prop_assert_eq!(levels.of_room(&of), named(&content, key, otherwise), "{} in version {}", key, version);
            }
            prop_assert_eq!(Some(levels.default_level()), named(&content, "users_default", 0));
            let [invite, kick, ban] =
                [("invite", 0), ("kick", 50), ("ban", 50)].map(|(key, level)| named(&content, key, level));
            prop_assert_eq!([levels.to_invite(), levels.to_kick(), levels.to_ban()].map(Some), [invite, kick, ban]);
            for event_type in ["m.room.name", POWER_LEVELS, "m.room.tombstone"] {
                prop_assert_eq!(Some(levels.to_send(event_type)), to_send(&content, event_type), "{}", event_type);
            }
            if edits.is_empty() {
                continue;
            }
            let Rewrite::Write(after) = world.rewrite_levels(room, Some(&content), &edits) else { continue };
            for mxid in PROBED {
                let (before, after) = (level(&content, mxid).unwrap(), level(&after, mxid));
                let granted = if mxid == "@u1:phenom.test" { 50 } else { i64::MIN };
                prop_assert!(
                    after.is_some_and(|after| after <= before.max(granted)),
                    "{mxid}: {before} becomes {after:?}"
                );
            }
            prop_assert_eq!(level(&after, BOT), level(&content, BOT), "the bot's own");
        }
        Ok(was_read)
    }
}

#[test]
fn a_level_is_what_synapse_takes_it_for_and_nobody_is_given_more_than_a_grant() {
    super::walk("power-levels");
}
