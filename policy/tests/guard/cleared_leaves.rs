//! When so many lost their entitlement that a leave by choice is not forgotten for it.

use provisioner_policy::*;

use crate::{SERVER, read, subject, world};

const LIMITS: GuardLimits = GuardLimits { window_seconds: 60, free_removals: 2, max_removals: 5, max_fraction: 0.25 };

fn leave(world: &mut World, user: usize) {
    let room = world.room_by_key("room0").expect("the policy has it");
    world.set_membership(room, &format!("@{}:{SERVER}", subject(0, user)), Membership::Left, Some("$left"));
}

fn cleared(world: &World) -> usize {
    plan(world, &Recent::default()).cleared_leaves.len()
}

/// Somebody who had left loses the row, and others with them.
fn is_cleared(lost: usize, people: usize) -> bool {
    let mut world = world(&[people], LIMITS);
    leave(&mut world, 0);
    read(&mut world, (lost..people).map(|user| (0, user)));
    cleared(&world) == 1
}

#[test]
fn an_answer_that_reaches_a_limit_is_believed_and_one_that_is_over_it_is_not() {
    for (lost, people, is_believed) in
        [(2, 3, true), (3, 11, false), (3, 12, true), (5, 100, true), (6, 100, false), (20, 1000, false)]
    {
        assert_eq!(is_cleared(lost, people), is_believed, "{lost} of {people}");
    }
}

#[test]
fn who_left_and_is_entitled_still_makes_the_share_of_the_others_no_smaller() {
    let mut world = world(&[21], LIMITS);
    (0..1).chain(11..21).for_each(|user| leave(&mut world, user));
    read(&mut world, (3..21).map(|user| (0, user)));
    assert_eq!(cleared(&world), 0, "three of eleven, with ten who left by choice beside them");
}

#[test]
fn whose_leave_was_cleared_before_loses_nothing_by_another_answer() {
    let mut world = world(&[30], LIMITS);
    let room = world.room_by_key("room0").expect("the policy has it");
    (0..11).for_each(|user| leave(&mut world, user));
    for user in 0..10 {
        let user = world.intern(&format!("@{}:{SERVER}", subject(0, user)));
        world.clear_leave(room, user, "$left");
    }
    read(&mut world, (11..30).map(|user| (0, user)));
    assert_eq!(cleared(&world), 1, "one lost something, and ten had lost it long ago");
}

#[test]
fn people_that_the_pool_never_named_have_lost_nothing() {
    for (said, cleared_leaves) in [(Account::Unknown, 1), (Account::Refused, 1), (Account::Active, 0)] {
        let mut world = world(&[30], LIMITS);
        world.adjust(|policy| policy.rooms[0].unlisted = Unlisted::Keep);
        world.set_accounts_from(AccountsFrom::Pool);
        world.set_pool(SourceState::Good);
        for user in 0..30 {
            let said = if (1..20).contains(&user) { said } else { Account::Active };
            world.set_account(&format!("@{}:{SERVER}", subject(0, user)), said, None, false);
        }
        leave(&mut world, 0);
        read(&mut world, (20..30).map(|user| (0, user)));
        assert_eq!(cleared(&world), cleared_leaves, "{said:?}");
    }
}
