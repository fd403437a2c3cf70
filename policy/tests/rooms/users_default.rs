//! Power for everyone: a raised `users_default` where power is by grant.

use provisioner_policy::*;
use serde_json::{Value, json};

use crate::given::*;

/// A room of version 10 with these levels, led by u1 and u2.
fn room(levels: Value) -> World {
    led("10", levels).world()
}

/// The edits of the one event of levels that is due.
fn due(plan: &Plan) -> Vec<PowerEdit> {
    let due = plan.due().filter_map(|action| match &action.change {
        Change::SetPowerLevels { edits, .. } => Some(edits.to_vec()),
        _ => None,
    });
    let mut events: Vec<Vec<PowerEdit>> = due.collect();
    assert!(events.len() <= 1, "one event at most");
    events.pop().unwrap_or_default()
}

#[test]
fn a_raised_default_is_lowered_in_one_event_with_the_grants_below_it() {
    let mut world = room(json!({"users": {(BOT): 100, (mxid(2)): 75}, "users_default": 60}));
    let view = plan(&world, &Recent::default()).view(&world);
    let (_, after) = settled(&mut world);
    // u1 leads and has more than their grant by the default alone: they keep what is theirs.
    assert_eq!(after, json!({"users": {(BOT): 100, (mxid(1)): 50, (mxid(2)): 50}, "users_default": 0}));
    let levels = view.actions.iter().find(|action| action.kind == Kind::SetPowerLevels).unwrap();
    assert_eq!(levels.before, json!({"users_default": 60, (mxid(1)): 60, (mxid(2)): 75}));
    assert_eq!(levels.after, json!({"users_default": 0, (mxid(1)): 50, (mxid(2)): 50}));
    let lead = format!("users_default: 60 → 0 (the levels were last set by {FOUNDER}); {} from 60 to 50: ", mxid(1));
    assert!(levels.because.starts_with(&lead), "{}", levels.because);
}

#[test]
fn a_level_that_was_below_the_raised_default_is_power_when_it_goes_and_a_silencing_is_not() {
    let content = json!({"users": {(BOT): 100, (mxid(3)): 30, (mxid(4)): -1, (EXEMPT): 40}, "users_default": 60});
    let (_, after) = settled(&mut room(content));
    let users = &after["users"];
    assert_eq!([&users[mxid(3)], &users[mxid(4)], &users[EXEMPT]], [&json!(0), &json!(-1), &json!(40)]);
}

#[test]
fn what_somebody_exempt_has_by_the_default_alone_goes_with_it() {
    let (_, after) = settled(&mut room(json!({"users": {(BOT): 100}, "users_default": 60})));
    assert_eq!((&after["users"].get(EXEMPT), &after["users_default"]), (&None, &json!(0)));
}

#[test]
fn a_default_below_0_and_a_room_without_grants_are_left_alone() {
    let content = json!({"users": {(BOT): 100, (mxid(1)): 50, (mxid(2)): 50}, "users_default": -10});
    assert_eq!(settled(&mut room(content.clone())).1, content);
    let given = Given { grants: vec![], ..led("10", json!({"users": {(BOT): 100}, "users_default": 75})) };
    assert_eq!(settled(&mut given.world()).1["users_default"], 75);
}

#[test]
fn a_bot_that_has_its_level_by_the_default_alone_is_not_locked_out() {
    let content = json!({"users_default": 100, "state_default": 50});
    let mut world = room(content.clone());
    let (first, after) = settled(&mut world);
    assert_eq!(after, content, "and no grant puts anybody below everybody else");
    let [told] = &obstacles(&world, &first)[..] else { panic!("{:?}", first.blocked) };
    assert!(told.contains("users_default is 100") && told.contains("give the bot level 100 there by name"), "{told}");
    // Named, it mends it.
    world.set_state(
        the_room(&world),
        POWER_LEVELS,
        state(json!({"users": {(BOT): 100}, "users_default": 100}), FOUNDER),
    );
    let (first, after) = settled(&mut world);
    assert_eq!((after["users_default"].clone(), obstacles(&world, &first)), (json!(0), Vec::new()));
}

#[test]
fn a_grant_does_not_put_its_people_below_a_default_that_stays() {
    // Synapse lets nobody change a level above their own.
    let content = json!({"users": {(BOT): 55, (mxid(2)): 10}, "users_default": 60, "state_default": 50});
    let mut world = room(content);
    let (first, after) = settled(&mut world);
    assert_eq!(after["users"], json!({(BOT): 55, (mxid(2)): 50}), "u1 has more by the default");
    let told = obstacles(&world, &first).concat();
    assert!(
        told.contains("users_default would go from or to level 60, and the bot's own is 55 in this room"),
        "{told}"
    );
    let lead = world.users.get(&mxid(1)).unwrap();
    let power = &world.explain(lead, &first).rooms[0].power;
    assert_eq!((power.desired, power.observed), (50, 60));
    assert!(
        power.because.ends_with("users_default gives more; it should be 0 (`plan` says what is in the way)"),
        "{power:?}"
    );
}

#[test]
fn a_default_that_somebody_keeps_raising_is_lowered_each_time_and_takes_no_grant_down_with_it() {
    let mut world = room(json!({"users": {(BOT): 100, (mxid(2)): 75}, "users_default": 60}));
    let fight = Fight { times: 5, window_minutes: 10, by: None, again_at: Some("12:00:00 UTC".to_owned()) };
    world.begin_fight(ChangeKey::of_level(the_room(&world), LevelOf::Everybody, Some(0)), fight);
    let (_, after) = settled(&mut world);
    assert_eq!((&after["users"][mxid(1)], &after["users"][mxid(2)]), (&json!(50), &json!(50)));
    assert_eq!(after["users_default"], json!(0));
}

#[test]
fn nobody_counts_as_lowered_by_the_default_however_tight_the_guard_is() {
    let given = led("10", json!({"users": {(BOT): 100}, "users_default": 60}));
    let none = GuardLimits { free_removals: 0, max_removals: 0, max_fraction: 0.0, window_seconds: 60 };
    let mut world = given.world_with(|policy| policy.guard = none);
    let first = plan(&world, &Recent::default());
    assert_eq!((first.held().count(), due(&first).len()), (0, 3), "the default and two leads");
    assert!(
        first.due().all(|action| action.change.kind() != Kind::SetPowerLevels || action.change.turn() == Turn::Lower)
    );
    settled(&mut world);
}

#[test]
fn the_default_stays_while_it_is_not_known_who_has_a_grant() {
    let mut given = led("10", json!({"users": {(BOT): 100}, "users_default": 60}));
    given.sources.roster = Listing::Failing;
    for empty in [false, true] {
        if empty {
            (given.sources.roster, given.sources.rows) = (Listing::Good, vec![]);
        }
        let mut world = given.world();
        let (first, after) = settled(&mut world);
        assert_eq!(after["users_default"], 60);
        let told = obstacles(&world, &first).concat();
        assert!(told.contains("users_default would be lowered from 60 to 0, but the roster"), "{told}");
    }
}

#[test]
fn who_has_power_by_the_default_alone_is_told_so() {
    let world = room(json!({"users": {(BOT): 100}, "users_default": 60}));
    let first = plan(&world, &Recent::default());
    let member = world.users.get(&mxid(3)).unwrap();
    let power = &world.explain(member, &first).rooms[0].power;
    assert_eq!((power.desired, power.observed), (0, 60));
    assert!(
        power.because.ends_with("users_default, which gives more, will be lowered to 0 at the next pass"),
        "{power:?}"
    );
}

#[test]
fn where_the_grants_do_not_fit_into_the_event_the_default_waits_for_them() {
    let leads: Vec<String> = (0..1500).map(|number| format!("00000000-0000-4000-8000-{number:012}")).collect();
    let mut given = led("10", json!({"users": {(BOT): 100, "@gone:phenom.test": 70}, "users_default": 60}));
    given.sources.rows.extend(leads.iter().map(|subject| RosterRow {
        subject: Some(subject.clone()),
        team: Some("staff".to_owned()),
        role: Some("lead".to_owned()),
    }));
    let mut world = given.world();
    let (first, after) = settled(&mut world);
    assert_eq!((&after["users_default"], &after["users"]["@gone:phenom.test"]), (&json!(60), &json!(0)));
    assert!(obstacles(&world, &first).concat().contains("Matrix allows 65,536"), "{:?}", first.blocked);
}
