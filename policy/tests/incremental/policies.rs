//! Any policy of four rooms, and the world that begins with it.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use provisioner_policy::*;
use serde_json::json;

use crate::happen::event;
use crate::values::modes;
use crate::{BOT, SERVER, USERS, localpart, mxid};

fn selector() -> impl Strategy<Value = Selector> {
    prop_oneof![
        2 => Just(Selector::Everyone),
        2 => Just(Selector::Team("staff".into())),
        2 => Just(Selector::TeamRole { team: "staff".into(), role: "lead".into() }),
        2 => Just(Selector::Group("admins".into())),
        1 => Just(Selector::Group("others".into())),
        1 => (0..USERS).prop_map(|user| Selector::Subject(localpart(user))),
    ]
}

pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    let grant = (prop_oneof![Just(1i64), Just(50), Just(100)], vec(selector(), 1..3));
    let of = select(vec![RoomLevel::Invite, RoomLevel::Kick, RoomLevel::Event("m.room.name".to_owned())]);
    let levels = btree_map(of, select(vec![0i64, 50, 100]), 0..3);
    let levels = (vec(grant, 0..3), levels);
    let room = (vec(selector(), 1..3), any::<[bool; 2]>(), levels, proptest::option::of("[ab]"));
    let guard = (0..4u32, 0..8u32, 0.0..1.0f64);
    let offboarding = prop_oneof![Just(Offboarding::Remove), Just(Offboarding::Lock), Just(Offboarding::Deactivate)];
    let profiles = any::<Option<bool>>().prop_map(|keep| keep.map(|keep| ProfilesPolicy { keep }));
    (vec(room, 4), vec(selector(), 0..3), modes(), guard, offboarding, profiles).prop_map(
        |(rooms, server_admins, modes, guard, offboarding, profiles)| {
            let room = |(number, (members, [remove, rejoin], (power, levels), name)): (
                usize,
                (_, [bool; 2], (Vec<_>, BTreeMap<_, _>), _),
            )| RoomPolicy {
                unlisted: if remove { Unlisted::Remove } else { Unlisted::Keep },
                on_leave: if rejoin { OnLeave::Rejoin } else { OnLeave::Respect },
                power: power.into_iter().map(|(level, grant)| PowerGrant { level, grant }).collect(),
                levels: levels.into_iter().collect(),
                settings: RoomSettings { name, ..RoomSettings::default() },
                ..RoomPolicy::new(format!("room{number}"), format!("!room{number}:{SERVER}"), members)
            };
            let (free_removals, max_removals, max_fraction) = guard;
            Policy {
                server_name: SERVER.into(),
                bot: BOT.into(),
                exempt: vec![mxid(0)],
                rooms: rooms.into_iter().enumerate().map(room).collect(),
                server_admins,
                modes,
                guard: GuardLimits { window_seconds: 60, free_removals, max_removals, max_fraction },
                offboarding,
                profiles,
                ..Policy::default()
            }
        },
    )
}

/// A world in which most is readable.
pub(crate) fn begin(policy: Policy) -> World {
    let mut world = World::new(policy);
    world.set_roster(RosterReading::default());
    world.set_accounts_listed(true);
    world.set_pool(SourceState::Good);
    for room in world.rooms() {
        world.set_room_status(room, RoomStatus::Ready);
    }
    world
}

/// The same with accounts, groups and rooms of which something is known.
pub(crate) fn begin_with_people(policy: Policy, from: AccountsFrom) -> World {
    let mut world = begin(policy);
    world.set_accounts_from(from);
    for user in 0..12 {
        world.set_on_server(&mxid(user), OnServer { present: true, ..OnServer::default() });
    }
    for user in 6..12 {
        let closed = world.intern(&mxid(user));
        world.set_closed(closed, Some(Closed::Locked));
    }
    for group in ["admins", "others"] {
        world.set_group(group, SourceState::Good, [mxid(1), mxid(2)].into_iter());
    }
    for room in world.rooms() {
        world.set_state(room, "m.room.create", event(json!({"additional_creators": [mxid(3)]})));
    }
    world
}
