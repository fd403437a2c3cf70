//! Who is a stranger no longer, and who never was one.

use provisioner_policy::*;

use crate::{SERVER, due_removals, read, subject, world};

fn strangers(world: &World) -> usize {
    world.strangers.iter().count()
}

/// A room of five, and a stranger in it.
fn with_a_stranger() -> (World, RoomIx, UserIx) {
    let mut world = world(&[5], GuardLimits::default());
    let room = world.room_by_key("room0").expect("the policy has it");
    read(&mut world, (0..5).map(|user| (0, user)));
    let user = world.intern(&format!("@{}:{SERVER}", subject(0, 77)));
    world.set_member(room, user, Membership::Join, None);
    world.note_stranger((Class::Removals, Some(room)), user);
    (world, room, user)
}

#[test]
fn a_stranger_who_left_is_judged_anew_when_they_come_again() {
    let (mut world, room, user) = with_a_stranger();
    world.forget_settled_strangers();
    assert_eq!(strangers(&world), 1, "they are there still");
    world.set_member(room, user, Membership::Left, Some("$left"));
    world.set_room_status(room, RoomStatus::Unread);
    world.forget_settled_strangers();
    assert_eq!(strangers(&world), 1, "nobody knows of a room that was not read");
    world.set_room_status(room, RoomStatus::Ready);
    world.forget_settled_strangers();
    assert_eq!(strangers(&world), 0);
}

#[test]
fn an_admin_without_the_flag_is_judged_anew_when_they_have_it_again() {
    let mut world = admins(vec![Selector::Team("team0".into())]);
    let user = world.intern(&format!("@{}:{SERVER}", subject(7, 0)));
    read(&mut world, [(0, 0)].into_iter());
    world.set_accounts_listed(true);
    world.set_account_seen(user, ADMIN);
    world.set_accounts_listed(false);
    world.forget_settled_strangers();
    assert_eq!(strangers(&world), 1);
    world.set_accounts_listed(true);
    world.forget_settled_strangers();
    assert_eq!(strangers(&world), 1, "they have it still");
    world.set_account_seen(user, OnServer { admin: false, ..ADMIN });
    world.forget_settled_strangers();
    assert_eq!(strangers(&world), 0);
}

const ADMIN: OnServer = OnServer { present: true, admin: true, locked: false, deactivated: false };

fn admins(server_admins: Vec<Selector>) -> World {
    World::new(Policy {
        server_name: SERVER.into(),
        bot: "@bot:phenom.test".into(),
        server_admins,
        modes: Modes { server_admins: Mode::Enforce, ..Modes::default() },
        ..Policy::default()
    })
}

/// Six admins by hand, on a server of which the policy says nothing about flags until somebody writes it.
#[test]
fn nobody_is_a_stranger_to_a_flag_while_nothing_is_decided_about_flags() {
    let mut world = admins(vec![]);
    let user = world.intern(&format!("@{}:{SERVER}", subject(7, 0)));
    world.note_stranger((Class::ServerAdmins, None), user);
    assert_eq!(strangers(&world), 0);
}

#[test]
fn a_place_that_was_rightful_after_all_is_counted() {
    let (mut world, room, user) = with_a_stranger();
    let change = Change::Remove { room, user, before: Membership::Join, ban: false };
    assert_eq!(world.rightful(&change), 0);
    world.forget_stranger((Class::Removals, Some(room)), user);
    assert_eq!(world.rightful(&change), 1);
}

#[test]
fn strangers_in_a_room_do_not_make_a_share_of_the_others_smaller() {
    let mut world = world(&[5], GuardLimits::default());
    let room = world.room_by_key("room0").expect("the policy has it");
    read(&mut world, (3..5).map(|user| (0, user)));
    for stranger in 0..40 {
        let user = world.intern(&format!("@stranger{stranger}:elsewhere"));
        world.set_member(room, user, Membership::Join, None);
        world.note_stranger((Class::Removals, Some(room)), user);
    }
    let plan = plan(&world, &Recent::default());
    assert_eq!((plan.held().count(), due_removals(&world, &plan)), (3, vec![40]), "three of five, not of forty-five");
}

#[test]
fn a_store_that_looks_when_the_revision_changed_misses_no_change() {
    let (mut world, room, user) = with_a_stranger();
    let bucket = (Class::Removals, Some(room));
    let mut seen = vec![world.strangers.revision];
    let mut look = |world: &World| {
        let revision = world.strangers.revision;
        let is_new = !seen.contains(&revision);
        seen.push(revision);
        is_new
    };
    world.remember_stranger(bucket, user);
    assert!(!look(&world), "it was noted before");
    world.forget_stranger(bucket, user);
    assert!(look(&world));
    world.forget_stranger(bucket, user);
    assert!(!look(&world), "it was forgotten before");
    world.remember_stranger(bucket, user);
    assert!(look(&world));
}

/// A lead was lowered to the level of a helper, then to none: what they lose next is theirs unless another hand gave it.
#[test]
fn only_what_another_hand_gave_once_more_counts_for_nothing() {
    let (mut world, room, user) = with_a_stranger();
    let other = world.intern(&format!("@{}:{SERVER}", subject(0, 1)));
    let edit = |user: UserIx, after, lowers| PowerEdit { of: user.into(), before: Some(50), after, lowers };
    let lower = |edits: &[PowerEdit]| Change::SetPowerLevels { room, edits: edits.into() };
    world.set_lowered(room, user, Some(None));
    assert_eq!(world.rightful(&lower(&[edit(user, None, true)])), 0, "to the same level once more");
    assert_eq!(world.rightful(&lower(&[edit(user, Some(10), true)])), 1, "to another level");
    let both = lower(&[edit(user, Some(10), true), edit(other, None, true)]);
    assert_eq!(world.rightful(&both), 2, "what is said of one says nothing of the other");
}
