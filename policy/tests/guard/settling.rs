//! What waits until the sources have said so for a while.

use provisioner_policy::*;

use crate::{SERVER, read, subject, world};

/// A room of five whose first member loses everything.
fn given() -> (World, RoomIx, UserIx) {
    let mut world = world(&[5], GuardLimits::default());
    read(&mut world, (1..5).map(|user| (0, user)));
    let user = world.intern(&format!("@{}:{SERVER}", subject(0, 0)));
    let room = world.rooms().next().expect("the one room");
    (world, room, user)
}

fn taking(room: RoomIx, user: UserIx) -> [Change; 4] {
    let edit = PowerEdit { of: user.into(), before: Some(50), after: None, lowers: true };
    [
        Change::Remove { room, user, before: Membership::Join, ban: false },
        Change::SetPowerLevels { room, edits: [edit].into() },
        Change::RevokeServerAdmin { user },
        Change::LockAccount { user },
    ]
}

fn settling(world: &World, changes: &[Change]) -> Vec<usize> {
    changes.iter().map(|change| change.settling(world).count()).collect()
}

#[test]
fn what_takes_waits_and_what_gives_does_not() {
    let (world, room, user) = given();
    assert_eq!(settling(&world, &taking(room, user)), [1, 1, 1, 1]);
    let raise = PowerEdit { of: user.into(), before: None, after: Some(50), lowers: false };
    let lower = PowerEdit { lowers: true, after: None, ..raise };
    let giving = [
        Change::Join { room, user, before: Membership::None },
        Change::CreateAccount { user },
        Change::GrantServerAdmin { user },
        Change::SetPowerLevels { room, edits: [raise].into() },
    ];
    assert_eq!(settling(&world, &giving), [0, 0, 0, 0]);
    let both = Change::SetPowerLevels { room, edits: [raise, lower].into() };
    assert_eq!(both.settling(&world).collect::<Vec<_>>(), [ChangeKey::of_level(room, user, None)]);
}

#[test]
fn the_pools_own_word_does_not_wait_and_no_other_does_for_its_sake() {
    for (said, waits) in [(Account::Deleted, 0), (Account::Disabled, 0), (Account::Active, 1)] {
        let (mut world, room, user) = given();
        world.set_accounts_from(AccountsFrom::Pool);
        let mxid = world.users.mxid(user);
        world.set_account(&mxid, said, None, false);
        assert_eq!(settling(&world, &taking(room, user)), [waits; 4], "{said:?}");
    }
}

#[test]
fn a_strangers_place_does_not_wait_and_the_others_of_the_same_person_do() {
    let (mut world, room, user) = given();
    world.note_stranger((Class::Removals, Some(room)), user);
    assert_eq!(settling(&world, &taking(room, user)), [0, 1, 1, 1]);
}

#[test]
fn a_level_that_another_hand_gave_once_more_does_not_wait() {
    for (lowered_to, waits) in [(None, 0), (Some(10), 1)] {
        let (mut world, room, user) = given();
        world.set_lowered(room, user, Some(lowered_to));
        assert_eq!(settling(&world, &taking(room, user)), [1, waits, 1, 1], "lowered to {lowered_to:?} before");
    }
}
