//! A whole reading of a room, of whose answers one is damaged: who had a place keeps it, or the room is not believed.

use std::collections::HashMap;
use std::time::Duration;

use phenom_provisioner::homeserver::{Homeserver, Timeouts};
use phenom_provisioner::reconcile::observe_rooms;
use proptest::prelude::*;
use provisioner_policy::*;
use serde_json::Value;

use super::hostile::{Hostile, Verdict};
use super::synapse::{Answer, Synapse};

/// Each is a whole reading, six requests: ten thousand take minutes, and are for a run by hand.
#[cfg(test)]
const FEW: u32 = 500;

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";
const ID: &str = "!staff:phenom.test";

const OTHERS: &[u8] = include_bytes!("corpus/rooms/others.json");
const JOINED: &[u8] = include_bytes!("corpus/rooms/joined.json");

/// What is asked of a room: its name, a piece of the path, and what answers it well, which is the file of this name in the corpus.
const QUESTIONS: [(&str, &str, &[u8]); 5] = [
    ("others", "/members?not_membership", OTHERS),
    ("joined", "/_synapse/admin/v1/rooms/!staff:phenom.test/members", JOINED),
    ("create", "/state/m.room.create", include_bytes!("corpus/rooms/create.json")),
    ("power_levels", "/state/m.room.power_levels", include_bytes!("corpus/rooms/power_levels.json")),
    ("join_rules", "/state/m.room.join_rules", include_bytes!("corpus/rooms/join_rules.json")),
];

fn world() -> World {
    let room = RoomPolicy {
        unlisted: Unlisted::Remove,
        ..RoomPolicy::new("staff", ID, vec![Selector::Team("staff".to_owned())])
    };
    let mode = Mode::Enforce;
    let mut world = World::new(Policy {
        server_name: SERVER.to_owned(),
        bot: BOT.to_owned(),
        rooms: vec![room],
        modes: Modes { joins: mode, removals: mode, power_levels: mode, ..Modes::default() },
        guard: GuardLimits { free_removals: 1000, max_removals: 1000, max_fraction: 1.0, window_seconds: 60 },
        ..Policy::default()
    });
    let row = |number: u8| RosterRow {
        subject: Some(format!("u{number}")),
        team: Some("staff".to_owned()),
        role: Some("member".to_owned()),
    };
    world.set_roster(read_roster((1..=5).map(row), SERVER, BOT));
    for number in 1..=5 {
        world.set_on_server(&format!("@u{number}:{SERVER}"), OnServer { present: true, ..OnServer::default() });
    }
    world.set_accounts_listed(true);
    // As the undamaged answers say.
    let room = world.rooms().next().unwrap();
    let joined = [BOT, "@u1:phenom.test", "@u2:phenom.test", "@u3:phenom.test", "@Öd d:elsewhere.test"];
    joined.into_iter().for_each(|mxid| world.set_membership(room, mxid, Membership::Join, None));
    for (mxid, membership) in [
        ("@u4:phenom.test", Membership::Left),
        ("@u5:phenom.test", Membership::Invite),
        ("@u6:phenom.test", Membership::Ban),
        ("@u7:phenom.test", Membership::Removed),
        ("@u8:phenom.test", Membership::Knock),
    ] {
        world.set_membership(room, mxid, membership, Some("$u4leave"));
    }
    world.set_room_status(room, RoomStatus::Ready);
    world
}

/// Everybody's membership, by name.
fn members(world: &World) -> HashMap<String, Membership> {
    let room = world.rooms().next().unwrap();
    world.room(room).members().map(|(user, membership)| (world.users.mxid(user), membership)).collect()
}

/// The membership that these two answers give somebody; `None` where they say nothing of them that can be read.
fn written(others: &Value, joined: &Value, mxid: &str) -> Option<Membership> {
    if joined["members"].as_array().is_some_and(|all| all.iter().any(|one| one == mxid)) {
        return Some(Membership::Join);
    }
    let events = others["chunk"].as_array()?.iter().rev();
    let mut readable = events.filter(|event| {
        let content = event["content"].as_object().is_some();
        content && event["state_key"] == mxid && event["sender"].is_string() && event["event_id"].is_string()
    });
    readable.find_map(|event| Membership::of_event(event["content"]["membership"].as_str()?, event["sender"] == mxid))
}

pub(crate) fn door() -> impl Fn(&Hostile<'_>) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let synapse = Synapse::start();
    let timeouts = Timeouts { call: Duration::from_secs(20), bulk_read: Duration::from_secs(20) };
    let bot = runtime.block_on(Homeserver::connect(&synapse.url(), BOT, "as-token", timeouts)).unwrap();
    let ok = |body: Vec<u8>| Answer { status: 200, head: String::new(), body };
    let good: HashMap<&'static str, Answer> = QUESTIONS.map(|(_, path, body)| (path, ok(body.to_vec()))).into();
    let value = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes);
    let (others, joined) = (value(OTHERS).unwrap(), value(JOINED).unwrap());

    let mut undamaged = world();
    let room = undamaged.rooms().next().unwrap();
    synapse.answer(good.clone());
    runtime.block_on(observe_rooms(&bot, &mut undamaged, &[room])).unwrap();
    assert_eq!(members(&undamaged), members(&world()));

    move |hostile| {
        let mut world = world();
        let room = world.rooms().next().unwrap();
        let before = members(&world);
        let mut answers = good.clone();
        // A file of the corpus that is worth keeping is called by its question and what is odd about it.
        let asked = hostile.seed.split('-').next().unwrap();
        let Some((name, path, _)) = QUESTIONS.into_iter().find(|(name, _, _)| *name == asked) else {
            return Err(TestCaseError::reject(format!("no question is called {asked}")));
        };
        answers.insert(path, ok(hostile.bytes.to_vec()));
        synapse.answer(answers);
        let read = runtime.block_on(observe_rooms(&bot, &mut world, &[room]));
        let is_believed = read.is_ok() && world.room(room).status == RoomStatus::Ready;
        let after = members(&world);
        if !is_believed {
            prop_assert_eq!(&before, &after, "what is not believed changes nothing");
        }
        let damaged =
            |its: &str, good: &Value| if name == its { value(hostile.bytes).ok() } else { Some(good.clone()) };
        let said = damaged("others", &others).zip(damaged("joined", &joined));
        for (mxid, membership) in &before {
            let now = after.get(mxid).copied().unwrap_or_default();
            // What cannot be held as a value was skipped unread; there is nothing to compare with then.
            let says = said.as_ref().map_or(Some(now), |(others, joined)| written(others, joined, mxid));
            prop_assert!(
                now == *membership || says == Some(now),
                "{mxid} was {membership:?}, is {now:?}, and {says:?} is written"
            );
            prop_assert_ne!(now, Membership::None, "{} vanished", mxid);
        }
        let plan = plan(&world, &Recent::default());
        let removed: Vec<String> = plan
            .due()
            .chain(plan.held())
            .filter(|action| action.change.kind() == Kind::Remove)
            .filter_map(|action| action.change.user().map(|user| world.users.mxid(user)))
            .filter(|mxid| (1..=5).any(|number| *mxid == format!("@u{number}:{SERVER}")))
            .collect();
        prop_assert_eq!(removed, Vec::<String>::new(), "all of them belong there");
        Ok(is_believed)
    }
}

#[test]
fn a_room_with_a_damaged_answer_loses_nobody() {
    super::hostile::walk::walk_with(FEW, &super::corpus("rooms"), door());
}
