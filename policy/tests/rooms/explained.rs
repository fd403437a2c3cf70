//! What `explain` says of a level: no more than the plan does, and with a reason of its own.

use provisioner_policy::*;
use serde_json::json;

use crate::given::*;

/// What is said of somebody in the one room, and of their level alone.
fn said(world: &World, number: u8) -> (String, String) {
    let user = world.users.get(&mxid(number)).expect("they are in the world");
    let room = world.explain(user, &plan(world, &Recent::default())).rooms.remove(0);
    (room.in_words(), room.power.because)
}

#[test]
fn the_reason_for_the_place_is_not_told_as_the_reason_for_a_wrong_level() {
    let world = led("10", json!({"users": {(BOT): 100, (mxid(1)): 100, (mxid(2)): 50}})).world();
    let place = "the roster says lead of staff; the room is for members of team staff";
    let equal = "has level 100 and should not; the bot's own is 100, and nobody is lowered by their equal: lower them \
                 yourself as somebody above them, or name them in guard.exempt";
    let (words, _) = said(&world, 1);
    assert_eq!(words, format!("belongs and is there: {place}. Power 100 (should be 50): {equal}"));
    assert_eq!(said(&world, 2).0, format!("belongs and is there, power 50: {place}"), "what is right needs no reason");
}

#[test]
fn somebody_who_is_to_be_removed_is_told_of_with_the_level_that_they_keep_until_then() {
    let given = led("10", json!({"users": {(BOT): 100, (mxid(5)): 60}}));
    let given = Given { in_room: vec![(5, Membership::Join)], ..given };
    let world = given.world_with(|policy| {
        policy.rooms[0].unlisted = Unlisted::Remove;
        policy.modes.removals = Mode::Observe;
    });
    let (words, level) = said(&world, 5);
    assert!(words.starts_with("would be removed, and removals are only counted: "), "{words}");
    assert!(words.ends_with(&format!(". Power 60 (should be 0): {level}")), "{words}");
    assert!(level.starts_with("will be lowered at the next pass: "), "{level}");
}

#[test]
fn of_a_level_no_more_is_promised_than_the_plan_does() {
    type Case = (fn(&mut Policy), &'static str, &'static str);
    let none = |policy: &mut Policy| {
        policy.guard = GuardLimits { free_removals: 0, max_removals: 0, max_fraction: 0.0, window_seconds: 60 };
    };
    let observe = |policy: &mut Policy| policy.modes.power_levels = Mode::Observe;
    let cases: [Case; 3] = [
        (|_| (), "will be raised at the next pass: ", "will be lowered at the next pass: "),
        (
            observe,
            "would be raised, and power levels are only counted: ",
            "would be lowered, and power levels are only counted: ",
        ),
        (
            none,
            "will be raised at the next pass: ",
            "will be lowered once somebody approves it, and not before (`plan` says why): ",
        ),
    ];
    let given = led("10", json!({"users": {(BOT): 100, (mxid(2)): 50, (mxid(3)): 60}}));
    for (change, raised, lowered) in cases {
        let world = given.world_with(change);
        for (number, begins, levels) in [(1, raised, "0 (should be 50)"), (3, lowered, "60 (should be 0)")] {
            let (words, level) = said(&world, number);
            assert!(level.starts_with(begins), "{level}");
            assert!(words.ends_with(&format!(". Power {levels}: {level}")), "{words}");
        }
    }
}

#[test]
fn what_is_in_the_way_of_all_levels_is_said_of_each() {
    let world = led("10", json!({"users": {(BOT): 60}, "events": {(POWER_LEVELS): 70}})).world();
    let first = plan(&world, &Recent::default());
    assert_eq!(vec![said(&world, 1).1], obstacles(&world, &first), "and not that they will be raised");
}

#[test]
fn a_level_by_a_default_that_goes_is_lowered_and_a_default_that_is_only_counted_stays() {
    let given = led("10", json!({"users": {(BOT): 100}, "users_default": 60}));
    let (_, level) = said(&given.world(), 1);
    assert!(level.starts_with("will be lowered at the next pass: level 50 by "), "{level}");
    let observed = given.world_with(|policy| policy.modes.power_levels = Mode::Observe);
    let (_, level) = said(&observed, 3);
    let counted = "users_default, which gives more, would be lowered to 0, and power levels are only counted";
    assert!(level.ends_with(counted), "{level}");
}

#[test]
fn a_room_that_is_not_looked_at_says_so_once() {
    let mut world = led("10", json!({"users": {(BOT): 100, (mxid(1)): 60}})).world();
    world.set_room_status(the_room(&world), RoomStatus::Unread);
    assert_eq!(said(&world, 1).0, "belongs and is there, power 60 (should be 50): the room has not been read");
}
