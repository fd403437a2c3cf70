//! When what was shown is over, and when nobody can say so.

use provisioner_policy::*;
use serde_json::json;

use crate::boundaries::leads;
use crate::{SERVER, due_removals, read, read_rows, subject, world};

/// Ten people, three of them without their rows now: what is held of them, and remembered.
fn shown() -> (World, Recent, Vec<Digest>) {
    let mut world = world(&[10], GuardLimits::default());
    read(&mut world, (3..10).map(|user| (0, user)));
    let mut recent = Recent::default();
    let plan = plan(&world, &recent);
    let begun = recent.withheld.compare(&world, &plan, true).begun;
    let digests: Vec<Digest> = begun.into_iter().flat_map(|one| one.digests).collect();
    assert_eq!(digests.len(), 3);
    (world, recent, digests)
}

/// How many begin to be withheld and how many end, by the plan of now.
fn compared(world: &World, recent: &mut Recent, whole: bool) -> (usize, usize) {
    let plan = plan(world, recent);
    let diff = recent.withheld.compare(world, &plan, whole);
    (diff.begun.iter().map(|one| one.digests.len()).sum(), diff.ended.len())
}

#[test]
fn nothing_ends_while_a_source_cannot_be_read_and_all_that_is_planned_no_longer_does_after() {
    let (mut world, remembered, digests) = shown();
    read(&mut world, (0..10).map(|user| (0, user)));
    let inherited = Recent { withheld: Withheld::inherit(digests), ..Recent::default() };
    for mut recent in [remembered, inherited] {
        assert_eq!(compared(&world, &mut recent, false), (0, 0));
        assert_eq!(compared(&world, &mut recent, true), (0, 3));
        assert_eq!(compared(&world, &mut recent, true), (0, 0), "once");
    }
}

#[test]
fn what_an_earlier_process_withheld_ends_by_a_whole_plan_alone() {
    let (mut world, _, digests) = shown();
    read(&mut world, (0..10).map(|user| (0, user)));
    let room = world.rooms().next().expect("the one room");
    let mut recent = Recent { withheld: Withheld::inherit(digests), ..Recent::default() };
    world.set_room_status(room, RoomStatus::Unread);
    assert_eq!(compared(&world, &mut recent, true), (0, 0), "the room was not read");
    world.set_room_status(room, RoomStatus::Ready);
    world.set_accounts_listed(false);
    assert_eq!(compared(&world, &mut recent, true), (0, 0), "the accounts were not listed");
    world.set_accounts_listed(true);
    assert_eq!(compared(&world, &mut recent, true), (0, 3));
}

#[test]
fn a_plan_is_whole_where_nothing_is_left_out_for_want_of_knowledge() {
    let whole = |world: &World| plan(world, &Recent::default()).is_whole(world);
    let (mut world, ..) = shown();
    assert!(whole(&world));
    world.fail_roster("it is gone");
    assert!(!whole(&world), "removals wait for the roster");
    read(&mut world, (3..10).map(|user| (0, user)));
    world.set_accounts_listed(false);
    assert!(!whole(&world));
    world.set_accounts_listed(true);
    let room = world.rooms().next().expect("the one room");
    world.set_room_status(room, RoomStatus::Unread);
    assert!(!whole(&world));
}

#[test]
fn after_a_restart_what_was_shown_begins_no_second_time_and_others_are_not_held_for_it() {
    let (mut world, _, digests) = shown();
    let mut recent = Recent { withheld: Withheld::inherit([digests[0]]), ..Recent::default() };
    read(&mut world, (2..10).map(|user| (0, user)));
    let plan = plan(&world, &recent);
    assert_eq!((plan.held().count(), due_removals(&world, &plan)), (1, vec![1]), "two of ten are few");
    assert_eq!(compared(&world, &mut recent, true), (0, 0));
    read(&mut world, (3..10).map(|user| (0, user)));
    assert_eq!(compared(&world, &mut recent, true), (2, 0));
}

#[test]
fn a_removal_that_the_bot_may_not_carry_out_is_not_over() {
    let levels = |kick: i64| {
        let content = json!({"users": {"@bot:phenom.test": 100}, "kick": kick});
        StateEntry { content, sender: "@owner:phenom.test".into(), event_id: "$levels".into() }
    };
    let (mut world, mut recent, _) = shown();
    let room = world.rooms().next().expect("the one room");
    world.set_state(room, POWER_LEVELS, levels(101));
    read(&mut world, (2..10).map(|user| (0, user)));
    assert_eq!(compared(&world, &mut recent, true), (0, 1), "who is back");
    world.set_state(room, POWER_LEVELS, levels(50));
    assert_eq!(due_removals(&world, &plan(&world, &recent)), [0]);
}

#[test]
fn an_account_that_is_to_be_locked_stays_held_while_the_accounts_are_not_listed() {
    let mut world = world(&[10], GuardLimits::default());
    world.adjust(|policy| policy.offboarding = Offboarding::Lock);
    world.set_accounts_from(AccountsFrom::Pool);
    world.set_pool(SourceState::Good);
    read(&mut world, (0..10).map(|user| (0, user)));
    let say = |world: &mut World, said: Account| {
        for user in 0..10 {
            let said = if user < 6 { said } else { Account::Active };
            world.set_account(&format!("@{}:{SERVER}", subject(0, user)), said, None, false);
        }
    };
    say(&mut world, Account::Deleted);
    let mut recent = Recent::default();
    assert_eq!(compared(&world, &mut recent, true), (12, 0), "six locks and six removals");
    world.set_accounts_listed(false);
    say(&mut world, Account::Active);
    assert_eq!(compared(&world, &mut recent, true), (0, 6), "of the removals the room can speak");
    world.set_accounts_listed(true);
    assert_eq!(compared(&world, &mut recent, true), (0, 6));
}

#[test]
fn what_is_only_observed_has_its_line_once_and_what_is_done_has_none() {
    let mut world = world(&[3], GuardLimits::default());
    read(&mut world, (0..5).map(|user| (0, user)));
    for user in 3..5 {
        let mxid = format!("@{}:{SERVER}", subject(0, user));
        world.set_on_server(&mxid, OnServer { present: true, ..OnServer::default() });
    }
    let mut recent = Recent::default();
    assert_eq!(compared(&world, &mut recent, true), (0, 0), "two joins are due");
    world.adjust(|policy| policy.modes.joins = Mode::Observe);
    assert_eq!(compared(&world, &mut recent, true), (2, 0));
    assert_eq!(compared(&world, &mut recent, true), (0, 0));
    world.adjust(|policy| policy.modes.joins = Mode::Enforce);
    assert_eq!(compared(&world, &mut recent, true), (0, 2));
}

/// Somebody had more than their grant; before it was approved to take that, another hand took more of it.
#[test]
fn a_level_that_is_to_be_raised_is_not_the_one_that_was_to_be_lowered() {
    let mut world = leads(4);
    world.adjust(|policy| policy.guard = GuardLimits { free_removals: 0, max_fraction: 0.0, ..policy.guard });
    read(&mut world, (0..4).map(|user| (0, user)));
    let room = world.rooms().next().expect("the one room");
    let set = |world: &mut World, level: i64| {
        let mut content = world.room(room).state(POWER_LEVELS).expect("it has levels").content.clone();
        content["users"][format!("@{}:{SERVER}", subject(0, 0))] = level.into();
        world.set_state(
            room,
            POWER_LEVELS,
            StateEntry { content, sender: "@x:phenom.test".into(), event_id: "$e".into() },
        );
    };
    let mut recent = Recent::default();
    set(&mut world, 60);
    assert_eq!(compared(&world, &mut recent, true), (1, 0));
    set(&mut world, 10);
    assert_eq!(compared(&world, &mut recent, true), (0, 1));
}

/// A row is spelled in two ways for one poll, and then goes.
#[test]
fn nothing_ends_of_a_user_whom_two_subjects_fold_to() {
    for is_restarted in [false, true] {
        let (mut world, mut recent, digests) = shown();
        if is_restarted {
            recent = Recent { withheld: Withheld::inherit(digests), ..Recent::default() };
        }
        let twice = ["t0u0", "T0U0"].map(str::to_owned).into_iter();
        read_rows(&mut world, (1..10).map(|user| subject(0, user)).chain(twice).map(|subject| (Some(subject), 0)));
        assert_eq!(compared(&world, &mut recent, true), (0, 2), "two are back, and of one nobody can say");
        read(&mut world, (1..10).map(|user| (0, user)));
        assert_eq!(due_removals(&world, &plan(&world, &recent)), [0]);
    }
}

/// The way back in trouble is to observe. Somebody said no before, and one of them comes back in the meantime.
#[test]
fn a_class_that_only_observes_for_a_while_lets_go_nothing_that_was_shown() {
    let (mut world, _, digests) = shown();
    let mut recent = Recent { withheld: Withheld::inherit(digests.clone()), ..Recent::default() };
    world.adjust(|policy| policy.modes.removals = Mode::Observe);
    assert_eq!(compared(&world, &mut recent, true), (3, 0), "they are counted, and nothing ends");
    read(&mut world, (2..10).map(|user| (0, user)));
    assert_eq!(compared(&world, &mut recent, true), (0, 2), "of one who is back both lines do");
    let still = [0, 1].map(|user| digest_of(&world, user, false));
    let mut recent = Recent { withheld: Withheld::inherit(still), ..Recent::default() };
    world.adjust(|policy| policy.modes.removals = Mode::Enforce);
    let plan = plan(&world, &recent);
    assert_eq!((plan.held().count(), due_removals(&world, &plan)), (2, vec![0]), "two of ten are few, and were shown");
    assert_eq!(compared(&world, &mut recent, true), (0, 0));
}

fn digest_of(world: &World, user: usize, ban: bool) -> Digest {
    let user = world.users.get(&format!("@{}:{SERVER}", subject(0, user))).expect("somebody of the room");
    let room = world.rooms().next().expect("the one room");
    Change::Remove { room, user, before: Membership::Join, ban }.digest(world, Mode::Enforce)
}

/// Who comes back again and again is banned, and an hour later only removed.
#[test]
fn who_was_shown_as_to_be_banned_stays_held_where_they_are_to_be_removed_and_the_other_way_round() {
    let banning = |world: &mut World, is_returner: bool| {
        let room = world.rooms().next().expect("the one room");
        for user in 0..3 {
            let user = world.intern(&format!("@{}:{SERVER}", subject(0, user)));
            world.set_returner(room, user, is_returner);
        }
    };
    for was_returner in [true, false] {
        let (mut world, ..) = shown();
        world.adjust(|policy| policy.rooms[0].on_return = OnReturn::Ban);
        banning(&mut world, was_returner);
        let mut recent = Recent::default();
        let shown = plan(&world, &recent);
        let begun = recent.withheld.compare(&world, &shown, true).begun;
        let digests: Vec<Digest> = begun.into_iter().flat_map(|one| one.digests).collect();
        banning(&mut world, !was_returner);
        read(&mut world, (2..10).map(|user| (0, user)));
        let mut recent = Recent { withheld: Withheld::inherit(digests), ..Recent::default() };
        assert_eq!(due_removals(&world, &plan(&world, &recent)), [0], "after a restart");
        assert_eq!(compared(&world, &mut recent, true), (0, 1), "who is back");
    }
}
