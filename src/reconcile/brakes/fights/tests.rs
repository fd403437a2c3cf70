//! How fights are counted.

use std::sync::Arc;

use provisioner_policy::{
    Closed, Mode, Modes, OnServer, POWER_LEVELS, PowerEdit, PowerGrant, Recent, RoomStatus, Selector, Setting,
    StateEntry, plan,
};
use serde_json::{Value, json};

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
        before: Value::Null,
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

/// Another level of one user.
fn edit(of: impl Into<LevelOf>, before: i64, after: Option<i64>) -> PowerEdit {
    PowerEdit { of: of.into(), before: Some(before), after, lowers: after.unwrap_or(0) < before }
}

fn levels(room: RoomIx, edits: impl Into<Box<[PowerEdit]>>) -> Change {
    Change::SetPowerLevels { room, edits: edits.into() }
}

#[test]
fn a_level_is_counted_by_itself_whatever_else_its_event_changes() {
    let ((mut world, room), now) = (room_with_levels(), Instant::now());
    let mut fights = Fights::default();
    let lead = world.users.get("@lead:a").unwrap();
    let key = ChangeKey::of_level(room, lead, Some(50));
    for other in 0..5 {
        assert!(world.fights.is_empty());
        let somebody = world.intern(&format!("@somebody{other}:a"));
        let edits = [edit(lead, 0, Some(50)), edit(somebody, 0, Some(50))];
        fights.done(&mut world, &levels(room, edits), now);
    }
    assert_eq!(world.fights.keys().collect::<Vec<_>>(), [&key]);
    let plan = plan(&world, &Recent::default());
    assert_eq!(plan.fought_over.iter().flat_map(|action| action.change.counted()).collect::<Vec<_>>(), [key]);
}

/// Whose levels are due now.
fn due_users(fights: &mut Fights, world: &World, now: Instant) -> Vec<String> {
    let mut plan = Arc::new(plan(world, &Recent::default()));
    fights.note(world, &plan);
    narrow(world, &mut plan, |key| fights.may(key, now));
    let due = plan.due().filter(|action| is_due(fights, &action.change, now));
    let keys = due.flat_map(|action| action.change.counted());
    keys.filter_map(|key| Some(world.users.mxid(key.user()?))).collect()
}

#[test]
fn a_level_that_waits_keeps_no_other_waiting() {
    let ((mut world, room), now) = (room_with_levels(), Instant::now());
    let mut fights = Fights::default();
    let lead = world.users.get("@lead:a").unwrap();
    (0..3).for_each(|_| fights.done(&mut world, &levels(room, [edit(lead, 0, Some(50))]), now));
    assert_eq!(due_users(&mut fights, &world, now), ["@hand:a"]);
    assert_eq!(due_users(&mut fights, &world, now + second() * 2), ["@hand:a", "@lead:a"]);
}

#[test]
fn power_above_the_grant_is_taken_each_time_and_told_and_paced_only_when_it_floods() {
    let ((mut world, room), now) = (room_with_levels(), Instant::now());
    let mut fights = Fights::default();
    let hand = world.users.get("@hand:a").unwrap();
    let lower = levels(room, [edit(hand, 60, None)]);
    for time in 1..MOST_AT_ONCE {
        fights.done(&mut world, &lower, now);
        assert_eq!(due_users(&mut fights, &world, now), ["@hand:a", "@lead:a"], "{time}");
        assert_eq!(world.fights.len(), usize::from(time > MOST), "{time}");
    }
    let text = world.fight(&lower).unwrap().text();
    assert!(text.starts_with("undone 5 times in 10 minutes by somebody"), "{text}");
    assert!(text.ends_with("it is done again each time"), "{text}");
    fights.done(&mut world, &lower, now);
    assert_eq!(due_users(&mut fights, &world, now), ["@lead:a"]);
    assert_eq!(fights.next(&world, now), Some(now + PACE));
    assert_eq!(due_users(&mut fights, &world, now + PACE), ["@hand:a", "@lead:a"]);
}

#[test]
fn a_level_that_rests_is_taken_all_the_same_where_somebody_raises_it_above_the_grant() {
    let ((mut world, room), now) = (room_with_levels(), Instant::now());
    let mut fights = Fights::default();
    let lead = world.users.get("@lead:a").unwrap();
    (0..5).for_each(|_| fights.done(&mut world, &levels(room, [edit(lead, 0, Some(50))]), now));
    assert_eq!(due_users(&mut fights, &world, now), ["@hand:a"]);
    let content = json!({"users": {"@bot:a": 100, "@lead:a": 90}});
    let state = StateEntry { content, sender: "@admin:a".to_owned(), event_id: "$f".to_owned() };
    world.set_state(room, POWER_LEVELS, state);
    assert_eq!(due_users(&mut fights, &world, now), ["@lead:a"]);
}

#[test]
fn what_another_hand_raised_once_more_counts_for_no_guard_and_waits_for_no_source() {
    let ((mut world, room), now) = (room_with_levels(), Instant::now());
    let mut fights = Fights::default();
    let hand = world.users.get("@hand:a").unwrap();
    let lower = levels(room, [edit(hand, 60, None)]);
    assert_eq!((world.rightful(&lower), lower.settling(&world).count()), (1, 1));
    fights.done(&mut world, &lower, now);
    assert_eq!((world.rightful(&lower), lower.settling(&world).count()), (0, 0));
    // A source gave it back: what it takes next is a place again.
    fights.done(&mut world, &levels(room, [edit(hand, 0, Some(60))]), now);
    assert_eq!((world.rightful(&lower), lower.settling(&world).count()), (1, 1));
    fights.done(&mut world, &lower, now);
    fights.end(&mut world, now + WINDOW);
    assert_eq!((world.rightful(&lower), lower.settling(&world).count()), (1, 1), "it is too long ago");
}

#[test]
fn a_source_that_flaps_is_nobody_who_undoes() {
    let ((mut world, change), now) = (world(), Instant::now());
    let mut fights = Fights::default();
    let (room, user) = (change.room().unwrap(), change.user().unwrap());
    let remove = Change::Remove { room, user, before: provisioner_policy::Membership::Join, ban: false };
    let (raise, lower) = (levels(room, [edit(user, 0, Some(50))]), levels(room, [edit(user, 50, None)]));
    let (open, close) = (Change::RestoreAccount { user, before: Closed::Locked }, Change::LockAccount { user });
    let (grant, revoke) = (Change::GrantServerAdmin { user }, Change::RevokeServerAdmin { user });
    for _ in 0..20 {
        for (gives, takes) in [(&change, &remove), (&raise, &lower), (&open, &close), (&grant, &revoke)] {
            fights.done(&mut world, gives, now);
            assert!(is_due(&fights, gives, now));
            fights.done(&mut world, takes, now);
        }
    }
    assert!(world.fights.is_empty(), "{:?}", world.fights);
}

#[test]
fn an_account_that_is_closed_again_each_time_is_counted_on_over_a_restart() {
    let (mut world, change) = world();
    let user = change.user().unwrap();
    let line = |before: &str| RecentAction {
        kind: "create_account".into(),
        room_id: None,
        user_id: Some("@u:a".into()),
        before: Value::from(before),
        after: Value::from("active"),
        seconds_ago: 100.0,
        withheld: false,
    };
    let mut fights = Fights::default();
    fights.inherit(&mut world, vec![line("locked"); 5], Instant::now() + WINDOW);
    let open = Change::RestoreAccount { user, before: Closed::Locked };
    assert_eq!(world.fights.keys().collect::<Vec<_>>(), [&open.key()]);
}

#[test]
fn levels_and_settings_are_counted_on_over_a_restart() {
    let ((mut world, room), now) = (room_with_levels(), Instant::now() + WINDOW);
    let line = |kind: &str, before: Value, after: Value, withheld| RecentAction {
        kind: kind.into(),
        room_id: Some("!r:a".into()),
        user_id: None,
        before,
        after,
        seconds_ago: 100.0,
        withheld,
    };
    let before = || json!({"@hand:a": 60, "@lead:a": 0, "users_default": 50, "events.org.example.x": 8});
    let after = || json!({"@hand:a": null, "@lead:a": 50, "users_default": 0, "events.org.example.x": 7});
    let named = |withheld| line("set_room_state", Value::Null, json!("Staff"), withheld);
    let lines = (0..5).map(|_| named(false)).chain([named(true)]);
    let lines = lines.chain((0..6).map(|_| line("set_power_levels", before(), after(), false)));
    let mut fights = Fights::default();
    fights.inherit(&mut world, lines.collect(), now);
    let name = Change::SetRoomState { room, setting: Setting::Name, before: None, after: "Staff".into() }.key();
    let (hand, lead) = (world.users.get("@hand:a").unwrap(), world.users.get("@lead:a").unwrap());
    let rests = |key: &ChangeKey| world.fights.get(key).map(|fight| fight.again_at.is_some());
    assert_eq!(world.fights.len(), 4);
    assert_eq!((rests(&name), fights.is_told(&name)), (Some(true), true), "a person was told");
    assert_eq!(rests(&ChangeKey::of_level(room, lead, Some(50))), Some(true));
    for of in [hand.into(), LevelOf::Everybody] {
        let after = (of == LevelOf::Everybody).then_some(0);
        assert_eq!(rests(&ChangeKey::of_level(room, of, after)), Some(false), "it is done each time");
    }
    let lower = levels(room, [edit(hand, 60, None)]);
    assert_eq!(
        world.rightful(&lower),
        1,
        "of what happened before the restart nobody knows whether a row gave it again"
    );
}
