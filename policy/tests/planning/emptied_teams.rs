//! A team that had people and has nobody while others have: an empty answer, for which everything it takes is held.

use std::collections::BTreeMap;

use provisioner_policy::{
    Change, GuardLimits, HoldReason, Kind, Membership, Mode, Modes, OnServer, POWER_LEVELS, Planner, Policy,
    PowerGrant, Recent, RoomPolicy, RoomStatus, RosterRow, Selector, StateEntry, World, plan, read_roster,
};
use serde_json::json;

fn team(team: &str) -> Selector {
    Selector::Team(team.to_owned())
}

fn room(key: &str, members: Vec<Selector>, lead: Selector) -> RoomPolicy {
    RoomPolicy {
        power: vec![PowerGrant { level: 50, grant: vec![lead] }],
        ..RoomPolicy::new(key, format!("!{key}:a"), members)
    }
}

/// Two of staff in two rooms, the first of them a lead by a row of their own in one room and by the team in the other; a guard
/// that lets everything go.
fn world() -> World {
    let lead = || Selector::TeamRole { team: "staff".to_owned(), role: "lead".to_owned() };
    let modes = Modes {
        removals: Mode::Enforce,
        power_levels: Mode::Enforce,
        server_admins: Mode::Enforce,
        ..Modes::default()
    };
    let rooms = vec![
        room("staff", vec![team("staff")], lead()),
        room("all", vec![team("analysts"), team("staff")], Selector::Subject("one".to_owned())),
        room("other", vec![team("analysts")], team("analysts")),
    ];
    let guard = GuardLimits { free_removals: 100, max_removals: 100, max_fraction: 1.0, ..GuardLimits::default() };
    let (server_name, bot) = ("a".to_owned(), "@bot:a".to_owned());
    let mut world =
        World::new(Policy { server_name, bot, rooms, modes, guard, server_admins: vec![lead()], ..Policy::default() });
    for room in world.rooms() {
        world.set_room_status(room, RoomStatus::Ready);
        let content = json!({"users": {"@bot:a": 100, "@one:a": 50}});
        world.set_state(room, POWER_LEVELS, StateEntry { content, sender: "@bot:a".into(), event_id: "$e".into() });
        for mxid in ["@one:a", "@two:a"] {
            world.set_membership(room, mxid, Membership::Join, None);
            world.set_on_server(mxid, OnServer { present: true, admin: mxid == "@one:a", ..OnServer::default() });
        }
    }
    world.set_accounts_listed(true);
    // The team has nobody any more: their rows name another.
    let row = |subject: &str, team: &str| RosterRow {
        subject: Some(subject.to_owned()),
        team: Some(team.to_owned()),
        role: Some("lead".to_owned()),
    };
    let rows = [row("one", "Staff"), row("two", "Staff"), row("three", "analysts")];
    world.set_roster(read_roster(rows, "a", "@bot:a"));
    world
}

fn emptied(now: Option<&str>) -> BTreeMap<String, Option<String>> {
    [("staff".to_owned(), now.map(str::to_owned))].into()
}

#[test]
fn what_an_emptied_team_takes_is_held_whatever_the_limits_and_no_other() {
    let (mut world, mut planner, recent) = (world(), Planner::default(), Recent::default());
    assert_eq!(planner.plan(&mut world, &recent).held().count(), 0, "nobody knows that the team had people");
    world.set_emptied_teams(&emptied(Some("Staff")));
    let plan = planner.plan(&mut world, &recent);
    assert_eq!(*plan, provisioner_policy::plan(&world, &recent));
    let place = |change: &Change| (change.kind().as_str(), change.room().map(|room| room.key(&world).to_owned()));
    let mut held: Vec<_> = plan.held().map(|action| place(&action.change)).collect();
    held.dedup();
    let of = |kind, room: &str| (kind, Some(room.to_owned()));
    let expected =
        [("revoke_server_admin", None), of("remove", "staff"), of("set_power_levels", "staff"), of("remove", "all")];
    assert_eq!(held, expected, "{:#?}", plan.view(&world));
    assert!(plan.due().all(|action| place(&action.change).1.as_deref() == Some("other")));
    assert!(plan.due().count() > 0, "a room that the team is not named in goes on");
    let words: Vec<String> = plan.held().map(|action| action.held.unwrap().text(&world)).collect();
    assert!(
        words.iter().all(|words| words == "team \"staff\" has nobody any more: perhaps it is called \"Staff\" now"),
        "{words:?}"
    );
}

#[test]
fn a_team_without_a_like_name_is_held_too_and_somebody_in_it_ends_it() {
    let mut world = world();
    world.set_emptied_teams(&emptied(None));
    let held = plan(&world, &Recent::default());
    let reason = held.held().next().unwrap().held;
    assert!(matches!(reason, Some(HoldReason::EmptyTeam { renamed: None, .. })));
    assert_eq!(reason.unwrap().text(&world), "team \"staff\" has nobody any more: perhaps it was renamed");
    world.set_emptied_teams(&BTreeMap::new());
    assert_eq!(plan(&world, &Recent::default()).held().count(), 0);
}

/// A grant names them, and they are not in the room: whether they belong there is the team's to say.
#[test]
fn a_level_that_only_the_place_is_missing_for_is_frozen() {
    let mut world = world();
    let room = world.room_by_key("all").unwrap();
    world.set_membership(room, "@one:a", Membership::None, None);
    let lowered = |world: &World| plan(world, &Recent::default()).of(Some(room), Kind::SetPowerLevels).len();
    assert_eq!(lowered(&world), 1);
    world.set_emptied_teams(&emptied(None));
    assert_eq!(lowered(&world), 0);
    let user = world.users.get("@one:a").unwrap();
    let why = world.power_freeze(room, user).unwrap().to_string();
    assert_eq!(why, "team \"staff\" has nobody any more: perhaps it was renamed");
}

#[test]
fn a_leave_by_choice_is_not_cleared_on_such_an_answer() {
    let mut world = world();
    let room = world.room_by_key("staff").unwrap();
    for mxid in ["@one:a", "@two:a"] {
        world.set_membership(room, mxid, Membership::Left, Some("$left"));
    }
    let cleared = |world: &World| plan(world, &Recent::default()).cleared_leaves.len();
    assert_eq!(cleared(&world), 2);
    world.set_emptied_teams(&emptied(None));
    assert_eq!(cleared(&world), 0);
}
