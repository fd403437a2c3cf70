//! Ten thousand people, and one thing that changes among them: who is evaluated for it.

use provisioner_policy::*;
use serde_json::{Value, json};

use crate::happen::event;
use crate::policies::begin;
use crate::{BOT, SERVER};

fn room(key: &str, members: Vec<Selector>) -> RoomPolicy {
    RoomPolicy {
        unlisted: Unlisted::Remove,
        power: vec![PowerGrant { level: 50, grant: vec![Selector::Team("staff".into())] }],
        settings: RoomSettings { name: Some(key.into()), ..RoomSettings::default() },
        ..RoomPolicy::new(key, format!("!{key}:{SERVER}"), members)
    }
}

/// So many people in four rooms, in which nothing is to be done.
fn settled(people: usize) -> World {
    let team = |name: &str| vec![Selector::Team(name.into())];
    let rooms = vec![
        room("red-room", vec![Selector::Everyone]),
        room("staff", team("staff")),
        room("analysts", team("analysts")),
        room("experiencers", team("experiencers")),
    ];
    let mut world = begin(Policy {
        server_name: SERVER.into(),
        bot: BOT.into(),
        rooms,
        server_admins: vec![Selector::Group("admins".into())],
        modes: Modes { joins: Mode::Enforce, removals: Mode::Enforce, ..Modes::default() },
        ..Policy::default()
    });
    let people: Vec<String> = (0..people).map(|number| format!("p{number}")).collect();
    let rows = people.iter().enumerate().map(|(number, subject)| RosterRow {
        subject: Some(subject.clone()),
        team: Some(if number < 20 { "staff".into() } else { "experiencers".into() }),
        role: Some("member".into()),
    });
    world.set_roster(read_roster(rows, SERVER, BOT));
    world.set_group("admins", SourceState::Good, ["@p0:phenom.test"].into_iter());
    let staff: serde_json::Map<String, Value> = (0..20).map(|one| (format!("@p{one}:{SERVER}"), json!(50))).collect();
    for room in world.rooms() {
        let mut users = staff.clone();
        users.insert(BOT.into(), json!(100));
        world.set_state(room, POWER_LEVELS, event(json!({ "users": users })));
        world.set_state(room, "m.room.name", event(json!({ "name": room.key(&world) })));
    }
    for (number, subject) in people.iter().enumerate() {
        let mxid = format!("@{subject}:{SERVER}");
        world.set_on_server(&mxid, OnServer { present: true, admin: number == 0, ..OnServer::default() });
        for room in world.rooms().filter(|room| room.index() == 0 || room.index() == if number < 20 { 1 } else { 3 }) {
            world.set_membership(room, &mxid, Membership::Join, None);
        }
    }
    world
}

#[test]
fn one_account_among_ten_thousand_is_evaluated_alone_and_nobody_where_nothing_changed() {
    let (mut world, mut planner, recent) = (settled(10_000), Planner::default(), Recent::default());
    // Level 50 is granted in each room, and only its members have it.
    let first = planner.plan(&mut world, &recent);
    assert!(first.actions.iter().all(|action| action.change.kind() == Kind::SetPowerLevels), "{:?}", first.actions);
    let mut evaluated = planner.evaluations();
    let mut evaluations = |planner: &mut Planner, world: &mut World| {
        let remembered = planner.plan(world, &recent);
        assert_eq!(*remembered, plan(world, &recent));
        let before = std::mem::replace(&mut evaluated, planner.evaluations());
        (evaluated - before, remembered)
    };
    let (nobody, same) = evaluations(&mut planner, &mut world);
    assert_eq!(nobody, 0);
    // Their account and flag, and a membership and a level in each of the four rooms.
    let of_one = 1..=10;
    let rooms: Vec<RoomIx> = world.rooms().collect();
    world.set_membership(rooms[3], "@p700:phenom.test", Membership::Removed, None);
    let (some, one) = evaluations(&mut planner, &mut world);
    assert!(of_one.contains(&some) && one.actions.len() == same.actions.len() + 1, "{some}");
    world.set_on_server("@p701:phenom.test", OnServer { present: true, locked: true, ..OnServer::default() });
    assert!(of_one.contains(&evaluations(&mut planner, &mut world).0));
    world.set_account("@p702:phenom.test", Account::Disabled, None, false);
    assert!(of_one.contains(&evaluations(&mut planner, &mut world).0));
    world.set_account("@new:phenom.test", Account::Active, None, false);
    assert!(of_one.contains(&evaluations(&mut planner, &mut world).0));
    world.set_group("admins", SourceState::Good, ["@p0:phenom.test", "@p1:phenom.test"].into_iter());
    assert!(of_one.contains(&evaluations(&mut planner, &mut world).0));
    // What is read again and found as it was concerns nobody.
    let mut fresh = RoomMirror::of_version(String::new());
    world.room(rooms[0]).members().for_each(|(user, membership)| {
        fresh.take_membership(user, membership, None);
    });
    let states: Vec<(String, StateEntry)> =
        world.room(rooms[0]).states().map(|(kind, event)| (kind.to_owned(), event.clone())).collect();
    states.into_iter().for_each(|(kind, event)| world.take_state(&mut fresh, &kind, event));
    fresh.status = RoomStatus::Ready;
    world.set_room_status(rooms[0], RoomStatus::Unread);
    world.set_room(rooms[0], fresh);
    assert_eq!(evaluations(&mut planner, &mut world).0, 0);
    // A setting is the room's own: nobody's membership is evaluated for it, and only levels beside it are.
    world.set_state(rooms[1], "m.room.name", event(json!({"name": "another"})));
    let (levels, renamed) = evaluations(&mut planner, &mut world);
    assert!(levels <= 21, "{levels}");
    assert_eq!(renamed.of(Some(rooms[1]), Kind::SetRoomState).len(), 1);
    planner.forget();
    assert!(evaluations(&mut planner, &mut world).0 > 10_000, "who forgets evaluates everybody");
}

#[test]
fn somebody_seen_for_the_first_time_is_evaluated() {
    let (mut world, mut planner, recent) = (settled(1000), Planner::default(), Recent::default());
    planner.plan(&mut world, &recent);
    let before = planner.evaluations();
    world.intern("@stranger:phenom.test");
    assert_eq!(*planner.plan(&mut world, &recent), plan(&world, &recent));
    assert!(planner.evaluations() > before);
}

#[test]
fn the_same_plan_has_the_same_number_and_another_has_another() {
    let (mut world, mut planner, recent) = (settled(1000), Planner::default(), Recent::default());
    planner.plan(&mut world, &recent);
    let first = planner.version();
    planner.plan(&mut world, &recent);
    assert_eq!(planner.version(), first);
    world.set_account("@p1:phenom.test", Account::Disabled, None, false);
    planner.plan(&mut world, &recent);
    assert_ne!(planner.version(), first);
}

/// The room has an empty answer before and after, but not from the same source, and levels wait for one of them only.
#[test]
fn a_roster_that_is_no_longer_empty_beside_a_group_that_is_unblocks_levels() {
    let members = vec![Selector::Group("admins".into()), Selector::Everyone];
    let power = vec![PowerGrant { level: 1, grant: vec![Selector::Group("others".into())] }];
    let rooms = vec![RoomPolicy { power, ..RoomPolicy::new("room", format!("!room:{SERVER}"), members) }];
    let mut world = begin(Policy { server_name: SERVER.into(), bot: BOT.into(), rooms, ..Policy::default() });
    let room = world.rooms().next().expect("the one room");
    world.set_group("admins", SourceState::Good, std::iter::empty::<&str>());
    world.set_group("others", SourceState::Good, ["@p0:phenom.test"].into_iter());
    world.set_state(room, POWER_LEVELS, event(json!({ "users": { BOT: 100, "@p0:phenom.test": 50 } })));
    let (mut planner, recent) = (Planner::default(), Recent::default());
    assert_eq!(*planner.plan(&mut world, &recent), plan(&world, &recent));
    let row = RosterRow { subject: Some("p1".into()), team: Some("staff".into()), role: None };
    world.set_roster(read_roster([row], SERVER, BOT));
    assert_eq!(*planner.plan(&mut world, &recent), plan(&world, &recent));
}
