//! How fights are counted.

use std::sync::Arc;

use provisioner_policy::{
    Mode, Modes, OnServer, POWER_LEVELS, PowerEdit, PowerGrant, Recent, RoomStatus, Selector, StateEntry, UserIx, plan,
};
use serde_json::json;

use super::*;
use crate::reconcile::brakes::narrow::narrow;
use crate::reconcile::pushes::tests::world_in as small_world_in;

/// A world in which one person is to be joined.
fn world() -> (World, Change) {
    let (mut world, room) = small_world_in(Modes { joins: Mode::Enforce, ..Modes::default() });
    world.set_accounts_listed(true);
    world.set_on_server("@u:a", OnServer { present: true, ..OnServer::default() });
    world.set_account("@u:a", provisioner_policy::Account::Active, None, false);
    let user = world.intern("@u:a");
    let change = Change::Join { room, user, before: provisioner_policy::Membership::None };
    (world, change)
}

fn is_due(fights: &Fights, change: &Change, now: Instant) -> bool {
    change.counted().all(|key| fights.may(&key, now))
}

fn second() -> Duration {
    Duration::from_secs(1)
}

#[test]
fn what_keeps_being_undone_slows_down_stops_and_begins_again_when_left_alone() {
    let ((mut world, change), start) = (world(), Instant::now());
    let mut fights = Fights::default();
    let mut now = start;
    for (time, wait) in [0, 0, 2, 4].into_iter().enumerate() {
        fights.done(&mut world, &change, now);
        assert_eq!(is_due(&fights, &change, now), wait == 0, "{time}: an accident is mended at once, and once more");
        now += second() * wait;
        assert!(is_due(&fights, &change, now));
        assert_eq!(plan(&world, &Recent::default()).due().count(), 1);
    }
    fights.done(&mut world, &change, now);
    let stopped = plan(&world, &Recent::default());
    assert_eq!((stopped.actions.len(), stopped.fought_over.len()), (0, 1));
    let view = stopped.view(&world);
    assert!(view.blocked[0].because.starts_with("undone 5 times in 10 minutes by somebody"), "{view:?}");
    let user = world.users.get("@u:a").unwrap();
    assert!(world.explain(user, &stopped).rooms[0].because.starts_with("undone 5 times"));
    let over = now + WINDOW;
    assert_eq!(fights.next(&world, now + second() * 60), Some(over));
    fights.end(&mut world, over - second());
    assert_eq!(plan(&world, &Recent::default()).due().count(), 0);
    fights.end(&mut world, over);
    assert_eq!(plan(&world, &Recent::default()).due().count(), 1);
    assert!(is_due(&fights, &change, over), "it begins afresh");
}

#[test]
fn the_same_change_now_and_then_is_no_fight() {
    let ((mut world, change), start) = (world(), Instant::now());
    let mut fights = Fights::default();
    for time in 0..20 {
        fights.done(&mut world, &change, start + second() * 200 * time);
    }
    assert!(world.fights.is_empty());
}

#[test]
fn a_restart_does_not_begin_the_count_anew() {
    let (mut world, change) = world();
    let line = |seconds_ago: f64, withheld| RecentAction {
        kind: "join".into(),
        room_id: Some("!r:a".into()),
        user_id: Some("@u:a".into()),
        after: Value::from("join"),
        seconds_ago,
        withheld,
    };
    let now = Instant::now() + WINDOW;
    let mut fights = Fights::default();
    fights.inherit(&mut world, (0..4).map(|time| line(500.0 - f64::from(time), false)).collect(), now);
    assert!(world.fights.is_empty());
    fights.done(&mut world, &change, now);
    assert_eq!(world.fight(&change).map(|fight| fight.times), Some(5));

    let mut again = Fights::default();
    world.end_fight(&change.key());
    let lines = (0..5).map(|time| line(300.0 - f64::from(time), false)).chain([line(290.0, true)]);
    again.inherit(&mut world, lines.collect(), now);
    assert!(world.fight(&change).is_some() && again.told.contains(&change.key()));
    let left = again.next(&world, now).unwrap() - now;
    assert!((left.as_secs_f64() - 304.0).abs() < 1.0, "{left:?}");
}

/// A room with a name and a grant, in which one person has a level by hand.
fn room_with_levels() -> (World, RoomIx) {
    let (world, _) = small_world_in(Modes::default());
    let mut policy = world.policy.clone();
    let lead = Selector::Subject("lead".to_owned());
    policy.modes = Modes { power_levels: Mode::Enforce, room_state: Mode::Enforce, ..Modes::default() };
    policy.rooms[0].power = vec![PowerGrant { level: 50, grant: vec![lead.clone()] }];
    policy.rooms[0].members = vec![lead];
    policy.rooms[0].settings.name = Some("Staff".to_owned());
    let mut world = World::new(policy);
    let room = world.rooms().next().unwrap();
    world.set_room_status(room, RoomStatus::Ready);
    let content = json!({"users": {"@bot:a": 100, "@hand:a": 60}});
    let state = StateEntry { content, sender: "@admin:a".to_owned(), event_id: "$e".to_owned() };
    world.set_state(room, POWER_LEVELS, state);
    (world, room)
}

#[test]
fn a_level_is_counted_by_itself_whatever_else_its_event_changes() {
    let ((mut world, room), now) = (room_with_levels(), Instant::now());
    let mut fights = Fights::default();
    let hand = world.users.get("@hand:a").unwrap();
    let edit = |user: UserIx, after: Option<i64>| PowerEdit {
        of: user.into(),
        before: Some(60),
        after,
        lowers: after.is_none(),
    };
    let key = ChangeKey::of_level(room, hand, None);
    for other in 0..5 {
        assert!(world.fights.is_empty());
        let somebody = world.intern(&format!("@somebody{other}:a"));
        let edits = [edit(hand, None), edit(somebody, Some(50))].into();
        fights.done(&mut world, &Change::SetPowerLevels { room, edits }, now);
    }
    assert_eq!(world.fights.keys().collect::<Vec<_>>(), [&key]);
    let plan = plan(&world, &Recent::default());
    assert_eq!(plan.fought_over.iter().flat_map(|action| action.change.counted()).collect::<Vec<_>>(), [key]);
}

#[test]
fn a_level_that_waits_keeps_no_other_waiting() {
    let ((mut world, room), now) = (room_with_levels(), Instant::now());
    let mut fights = Fights::default();
    let hand = world.users.get("@hand:a").unwrap();
    let edits = [PowerEdit { of: hand.into(), before: Some(60), after: None, lowers: true }];
    let change = Change::SetPowerLevels { room, edits: edits.into() };
    (0..3).for_each(|_| fights.done(&mut world, &change, now));
    let users = |now: Instant| -> Vec<String> {
        let mut plan = Arc::new(plan(&world, &Recent::default()));
        narrow(&world, &mut plan, |key| fights.may(key, now));
        let due = plan.due().filter(|action| is_due(&fights, &action.change, now));
        let keys = due.flat_map(|action| action.change.counted());
        keys.filter_map(|key| Some(world.users.mxid(key.user()?))).collect()
    };
    assert_eq!(users(now), ["@lead:a"]);
    assert_eq!(users(now + second() * 2), ["@hand:a", "@lead:a"]);
}

#[test]
fn levels_and_settings_are_counted_on_over_a_restart() {
    let ((mut world, room), now) = (room_with_levels(), Instant::now() + WINDOW);
    let line = |kind: &str, after: Value, withheld| RecentAction {
        kind: kind.into(),
        room_id: Some("!r:a".into()),
        user_id: None,
        after,
        seconds_ago: 100.0,
        withheld,
    };
    let levels = || json!({"@hand:a": null, "@lead:a": 50, "events.org.example.x": 7});
    let settings = (0..5).map(|_| line("set_room_state", json!("Staff"), false));
    let lines = settings.chain([line("set_room_state", json!("Staff"), true)]);
    let lines = lines.chain((0..4).map(|_| line("set_power_levels", levels(), false)));
    let mut fights = Fights::default();
    fights.inherit(&mut world, lines.collect(), now);
    let name = Change::SetRoomState { room, setting: Setting::Name, before: None, after: "Staff".into() }.key();
    assert_eq!(world.fights.keys().collect::<Vec<_>>(), [&name]);
    assert!(fights.is_told(&name), "a person was told");
    let hand = world.users.get("@hand:a").unwrap();
    assert_eq!(fights.done[&ChangeKey::of_level(room, hand, None)].len(), 4);
}
