//! The room as it is before each reading, and the answers that say the same.

use std::collections::BTreeMap;

use provisioner_policy::*;
use serde_json::Value;

const SERVER: &str = "phenom.test";
const ID: &str = "!staff:phenom.test";
const OTHERS: &[u8] = include_bytes!("../corpus/rooms/others.json");

pub(super) const BOT: &str = "@bot:phenom.test";

/// Belongs to the room and left it by choice.
const LEAVER: &str = "@u4:phenom.test";

/// What is asked of a room: its name, a piece of the path, and what answers it well, which is the file of this name in the corpus.
/// `member` is asked of users that a reading lacks.
pub(super) const QUESTIONS: [(&str, &str, &[u8]); 6] = [
    ("others", "/members?not_membership", OTHERS),
    ("joined", "/_synapse/admin/v1/rooms/!staff:phenom.test/members", include_bytes!("../corpus/rooms/joined.json")),
    ("member", "/state/m.room.member/", include_bytes!("../corpus/rooms/member.json")),
    ("create", "/state/m.room.create", include_bytes!("../corpus/rooms/create.json")),
    ("power_levels", "/state/m.room.power_levels", include_bytes!("../corpus/rooms/power_levels.json")),
    ("join_rules", "/state/m.room.join_rules", include_bytes!("../corpus/rooms/join_rules.json")),
];

/// The questions about state, each with its type.
pub(super) const STATES: [(&str, &str); 3] =
    [("create", "m.room.create"), ("power_levels", POWER_LEVELS), ("join_rules", "m.room.join_rules")];

/// A list of the others that lacks the leaver.
pub(super) fn others_cut_short() -> Vec<u8> {
    let mut others: Value = serde_json::from_slice(OTHERS).unwrap();
    others["chunk"].as_array_mut().unwrap().retain(|event| event["state_key"] != LEAVER);
    others.to_string().into_bytes()
}

/// As the undamaged answers say. Five people belong to the room.
pub(super) fn world() -> World {
    let policy = RoomPolicy {
        unlisted: Unlisted::Remove,
        ..RoomPolicy::new("staff", ID, vec![Selector::Team("staff".to_owned())])
    };
    let mode = Mode::Enforce;
    let mut world = World::new(Policy {
        server_name: SERVER.to_owned(),
        bot: BOT.to_owned(),
        rooms: vec![policy],
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
    let room = room(&world);
    let joined = [BOT, "@u1:phenom.test", "@u2:phenom.test", "@u3:phenom.test", "@Öd d:elsewhere.test"];
    joined.into_iter().for_each(|mxid| world.set_membership(room, mxid, Membership::Join, None));
    for (mxid, membership) in [
        (LEAVER, Membership::Left),
        ("@u5:phenom.test", Membership::Invite),
        ("@u6:phenom.test", Membership::Ban),
        ("@u7:phenom.test", Membership::Removed),
        ("@u8:phenom.test", Membership::Knock),
    ] {
        world.set_membership(room, mxid, membership, Some("$u4leave"));
    }
    for (question, kind) in STATES {
        let body = QUESTIONS.into_iter().find_map(|(name, _, body)| (name == question).then_some(body)).unwrap();
        let answer: Value = serde_json::from_slice(body).unwrap();
        // Of its creation a room tells the whole event.
        let content = if question == "create" { answer["content"].clone() } else { answer };
        world.set_state(room, kind, StateEntry { content, sender: BOT.to_owned(), event_id: "$c".to_owned() });
    }
    world.set_room_status(room, RoomStatus::Ready);
    world
}

pub(super) fn room(world: &World) -> RoomIx {
    world.rooms().next().unwrap()
}

/// Everybody's membership, by name.
pub(super) fn members(world: &World) -> BTreeMap<String, Membership> {
    world.room(room(world)).members().map(|(user, membership)| (world.users.mxid(user), membership)).collect()
}

/// The room's state, by type.
pub(super) fn states(world: &World) -> BTreeMap<String, StateEntry> {
    world.room(room(world)).states().map(|(kind, event)| (kind.to_owned(), event.clone())).collect()
}
