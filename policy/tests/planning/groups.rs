//! How far a group can be believed, said alone, is as good as said along with the members that are known.

use proptest::prelude::*;
use provisioner_policy::{
    Membership, Mode, Modes, OnServer, POWER_LEVELS, Planner, Policy, PowerGrant, Recent, RoomPolicy, RoomStatus,
    Selector, SourceState, StateEntry, World, plan,
};
use serde_json::json;

const GROUP: &str = "nest-admin";

/// Members, where they are read again, and how far the group can be believed.
type Reading = (Option<Vec<u8>>, SourceState);

fn readings() -> impl Strategy<Value = Vec<Reading>> {
    let state =
        prop_oneof![Just(SourceState::Unread), Just(SourceState::Good), Just(SourceState::Failing("throttled".into()))];
    let members = proptest::option::of(proptest::collection::vec(0..6u8, 0..5));
    proptest::collection::vec((members, state), 1..8)
}

fn mxid(number: u8) -> String {
    format!("@u{number}:phenom.test")
}

/// Five people, all in a room of the group, all with its level and its flag.
fn world() -> World {
    let group = || vec![Selector::Group(GROUP.into())];
    let mut world = World::new(Policy {
        server_name: "phenom.test".into(),
        bot: "@bot:phenom.test".into(),
        rooms: vec![RoomPolicy {
            power: vec![PowerGrant { level: 50, grant: group() }],
            ..RoomPolicy::new("nest", "!nest:phenom.test", group())
        }],
        server_admins: group(),
        modes: Modes { joins: Mode::Enforce, removals: Mode::Enforce, ..Modes::default() },
        ..Policy::default()
    });
    world.set_accounts_listed(true);
    let Some(room) = world.rooms().next() else { return world };
    world.set_room_status(room, RoomStatus::Ready);
    let mut levels = json!({ "@bot:phenom.test": 100 });
    for number in 0..5 {
        levels[mxid(number)] = json!(50);
        world.set_on_server(&mxid(number), OnServer { present: true, admin: true, ..OnServer::default() });
        world.set_membership(room, &mxid(number), Membership::Join, None);
    }
    let content = json!({ "users": levels });
    let event = StateEntry { content, sender: "@bot:phenom.test".into(), event_id: "$levels".into() };
    world.set_state(room, POWER_LEVELS, event);
    world
}

proptest! {
    #[test]
    fn a_state_said_alone_is_as_good_as_said_with_the_members(readings in readings()) {
        let (mut with, mut alone, mut known) = (world(), world(), Vec::new());
        let (mut planner, recent) = (Planner::default(), Recent::default());
        for (members, state) in readings {
            match members {
                Some(members) => {
                    known = members.into_iter().map(mxid).collect();
                    alone.set_group(GROUP, state.clone(), known.iter());
                }
                None => alone.set_group_state(GROUP, state.clone()),
            }
            with.set_group(GROUP, state, known.iter());
            let whole = plan(&with, &recent);
            prop_assert_eq!(&*planner.plan(&mut alone, &recent), &whole);
            prop_assert_eq!(whole.view(&with), whole.view(&alone));
        }
    }

    /// The same said again is no reason to plan again.
    #[test]
    fn the_same_said_again_makes_no_new_plan(readings in readings()) {
        let (mut world, mut planner, recent) = (world(), Planner::default(), Recent::default());
        for (members, state) in readings {
            world.set_group(GROUP, state.clone(), members.unwrap_or_default().into_iter().map(mxid));
            planner.plan(&mut world, &recent);
            let version = planner.version();
            world.set_group_state(GROUP, state);
            planner.plan(&mut world, &recent);
            prop_assert_eq!(planner.version(), version);
        }
    }
}
