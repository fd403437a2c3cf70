//! The door of pushed events: members of managed rooms write them, Synapse adds `unsigned`, and other servers send them. Beside
//! the module, since nothing of it is public; the corpus and the damage are those of `tests/doors/`.

use std::collections::BTreeMap;

use proptest::prelude::*;
use provisioner_policy::{Membership, Mode, Modes, POWER_LEVELS, RoomStatus, StateEntry, World};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::hostile::walk;
use crate::reconcile::pushes::apply;
use crate::reconcile::pushes::classifier::PushClassifier;
use crate::reconcile::pushes::departures::own_leave;
use crate::reconcile::pushes::tests::{row, world_in};

/// As the door of transactions has it: given twice, it was refused there or its last one counts.
#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: String,
}

const MEMBERS: [(&str, Membership); 6] = [
    ("@bot:a", Membership::Join),
    ("@u:a", Membership::Join),
    ("@left:a", Membership::Left),
    ("@removed:a", Membership::Removed),
    ("@banned:a", Membership::Ban),
    ("@invited:elsewhere", Membership::Invite),
];

fn levels() -> Value {
    json!({"users": {"@bot:a": 100, "@u:a": 50}})
}

fn members(world: &World) -> BTreeMap<String, Membership> {
    let room = world.room_by_key("staff").unwrap();
    world.room(room).members().map(|(user, membership)| (world.users.mxid(user), membership)).collect()
}

#[test]
fn a_pushed_event_changes_only_what_it_says_and_costs_the_room_a_reading_at_most() {
    let enforce = Modes { removals: Mode::Enforce, power_levels: Mode::Enforce, ..Modes::default() };
    walk("tests/doors/corpus/pushes", |hostile| {
        let text = hostile.text();
        let Ok(Typed { kind }) = serde_json::from_str(&text) else { return Ok(false) };
        let (mut world, room) = world_in(enforce);
        for (mxid, membership) in MEMBERS {
            world.set_membership(room, mxid, membership, Some("$before"));
        }
        let entry = |content| StateEntry { content, sender: "@bot:a".to_owned(), event_id: "$l".to_owned() };
        world.set_state(room, POWER_LEVELS, entry(levels()));
        let mut row = row("!r:a", &kind, &Value::Null);
        row.event.clone_from(&text);
        let mut pushes = PushClassifier::default();
        let read = |seconds| row.received_at - chrono::TimeDelta::seconds(seconds);
        pushes.read_times.read(room, read(50), read(49));

        let before = members(&world);
        apply(&mut world, &mut pushes, &row);
        let leave = own_leave(&world, &row);
        let after = members(&world);
        let is_unread = world.room(room).status == RoomStatus::Unread;
        prop_assert!(is_unread || world.room(room).status == RoomStatus::Ready);
        prop_assert_eq!(is_unread, pushes.unread.contains(&room), "a reading is asked for, or none is needed");

        prop_assert!(before.keys().all(|mxid| after.contains_key(mxid)), "somebody vanished");
        // What cannot be held as a value was skipped unread; there is nothing to compare with then.
        let Ok(event) = serde_json::from_str::<Value>(&text) else { return Ok(false) };
        let text_of = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        let (sender, state_key) = (text_of("/sender"), text_of("/state_key"));
        let says = |content: &str| Membership::of_event(text_of(content)?, sender == state_key);
        let is_local = sender.is_some_and(|sender| sender.split_once(':').is_some_and(|(_, server)| server == "a"));
        // The last reading went on from 50 to 49 seconds before the push: the event is younger for sure from a second after its
        // end, and older from ten seconds before its beginning.
        let age = event["unsigned"]["age"].as_i64().filter(|_| is_local);
        let (is_news, is_known) = (age.is_some_and(|age| age < 48_000), age.is_some_and(|age| age > 60_000));

        // What it says is taken over, or asked for.
        let doubts = pushes.doubts.get(&room);
        let is_readable = sender.is_some() && event.get("content").is_some();
        prop_assert!(is_readable || is_unread, "it may have changed anything");
        if kind == "m.room.member" && !is_known && !is_unread {
            let said = state_key.zip(says("/content/membership"));
            prop_assert!(said.is_some(), "it may have changed any membership");
            let is_taken = |(key, now): (&str, Membership)| {
                let is_it = |user| world.users.mxid(user) == key;
                let doubted = doubts.and_then(|doubts| doubts.members.iter().find(|(user, _)| is_it(**user)));
                after.get(key) == Some(&now) || doubted.is_some_and(|(_, pushed)| pushed.membership == now)
            };
            prop_assert!(said.is_some_and(is_taken), "{said:?} is lost");
        }
        if kind == POWER_LEVELS && state_key == Some("") && !is_known && !is_unread {
            let is_taken = world.room(room).content(POWER_LEVELS) == event.get("content");
            prop_assert!(
                is_taken || doubts.is_some_and(|doubts| doubts.states.contains(POWER_LEVELS)),
                "levels are lost"
            );
        }

        // And nothing else is changed.
        let changed: Vec<(&String, Membership)> =
            after.iter().filter(|(mxid, now)| before.get(*mxid) != Some(now)).map(|(mxid, now)| (mxid, *now)).collect();
        for (mxid, now) in &changed {
            prop_assert_eq!((kind.as_str(), Some(mxid.as_str())), ("m.room.member", state_key));
            prop_assert_eq!(says("/content/membership"), Some(*now));
            prop_assert!(is_news, "it may be older than the reading");
        }
        if let Some(leave) = leave {
            prop_assert_eq!((Some(&*leave.user_id), state_key), (sender, sender));
            prop_assert_eq!(says("/content/membership"), Some(Membership::Left));
        }
        for place in &pushes.places {
            let mxid = world.users.mxid(place.user);
            prop_assert!(sender.is_some_and(|sender| sender != "@bot:a"), "what the bot does is no stranger's");
            let joins =
                kind == "m.room.member" && state_key == Some(&*mxid) && text_of("/content/membership") == Some("join");
            let raised = kind == POWER_LEVELS && event["content"]["users"].get(&mxid).is_some();
            prop_assert!(joins || raised, "{mxid} got nothing by it");
        }
        let content = world.room(room).content(POWER_LEVELS);
        if content != Some(&levels()) {
            prop_assert_eq!((kind.as_str(), state_key), (POWER_LEVELS, Some("")));
            prop_assert_eq!(content, event.get("content"));
            prop_assert_eq!(&event["unsigned"]["prev_content"], &levels(), "it follows what was known");
        }
        Ok(!changed.is_empty() || content != Some(&levels()) || !pushes.doubts.is_empty())
    });
}
