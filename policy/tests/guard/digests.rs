//! What an approval names: one change of one person in one room, from what was there to what is made of it.

use std::collections::HashSet;

use provisioner_policy::*;

use crate::{SERVER, read, subject, world};

/// Changes of which none is another, though each is like another one in all but one thing.
fn changes(world: &mut World) -> Vec<Change> {
    let rooms: Vec<RoomIx> = world.rooms().collect();
    let [user, other] = [0, 1].map(|user| world.intern(&format!("@{}:{SERVER}", subject(0, user))));
    let edit = |user: UserIx, before, after| PowerEdit { of: user.into(), before: Some(before), after, lowers: true };
    let levels = |room: RoomIx, edit: PowerEdit| Change::SetPowerLevels { room, edits: [edit].into() };
    let name = Fingerprint::of;
    vec![
        Change::Remove { room: rooms[0], user, before: Membership::Join, ban: false },
        Change::Remove { room: rooms[1], user, before: Membership::Join, ban: false },
        Change::Remove { room: rooms[0], user: other, before: Membership::Join, ban: false },
        Change::Remove { room: rooms[0], user, before: Membership::Join, ban: true },
        levels(rooms[0], edit(user, 50, None)),
        levels(rooms[1], edit(user, 50, None)),
        levels(rooms[0], edit(other, 50, None)),
        levels(rooms[0], edit(user, 50, Some(10))),
        Change::LockAccount { user },
        Change::LockAccount { user: other },
        Change::DeactivateAccount { user },
        Change::RevokeServerAdmin { user },
        Change::CreateAccount { user },
        Change::RestoreAccount { user, before: Closed::Locked },
        Change::RestoreAccount { user, before: Closed::Deactivated },
        Change::SetRoomState { room: rooms[0], setting: Setting::ALL[0], before: None, after: "a".into() },
        Change::SetRoomState { room: rooms[0], setting: Setting::ALL[1], before: None, after: "a".into() },
        Change::SetDisplayName { user, before: Fingerprint::NOTHING, after: name("Ada") },
        Change::SetDisplayName { user, before: Fingerprint::NOTHING, after: name("Ben") },
        Change::SetAvatar { user, before: Fingerprint::NOTHING, after: Picture::Ours(name("one")) },
        Change::SetAvatar { user, before: Fingerprint::NOTHING, after: Picture::Ours(name("two")) },
    ]
}

#[test]
fn no_two_changes_are_called_the_same() {
    let mut world = world(&[2, 2], GuardLimits::default());
    let changes = changes(&mut world);
    let named: HashSet<Digest> = changes.iter().map(|change| change.digest(&world, Mode::Enforce)).collect();
    assert_eq!(named.len(), changes.len());
    let observed = changes.iter().map(|change| change.digest(&world, Mode::Observe));
    assert_eq!(observed.filter(|digest| named.contains(digest)).count(), 0, "what is only counted is another matter");
    let taking: Vec<&Change> = changes.iter().filter(|change| change.takes() > 0).collect();
    let approved: HashSet<Digest> = taking.iter().map(|change| change.exact_digest(&world)).collect();
    assert_eq!(approved.len(), taking.len(), "who approves one approves no other");
}

#[test]
fn what_was_there_before_is_a_part_of_an_approval_and_of_nothing_else() {
    let mut world = world(&[2], GuardLimits::default());
    let (room, user) = (world.rooms().next().expect("the one room"), world.intern("@a:phenom.test"));
    let removed = |before| Change::Remove { room, user, before, ban: false };
    let [joined, invited] = [Membership::Join, Membership::Invite].map(removed);
    assert_eq!(joined.digest(&world, Mode::Enforce), invited.digest(&world, Mode::Enforce));
    assert_ne!(joined.exact_digest(&world), invited.exact_digest(&world));
}

#[test]
fn of_what_was_shown_something_is_held_only_where_one_of_its_parts_is() {
    let mut world = world(&[10], GuardLimits::default());
    read(&mut world, (3..10).map(|user| (0, user)));
    let held = plan(&world, &Recent::default());
    let parts = held.held_part(&world).expect("three are held").parts;
    let shown = |parts: &[Digest]| held.holds_any(&world, &parts.iter().copied().collect::<HashSet<_>>());
    let none: Digest = [0; 16];
    assert_eq!([shown(&[]), shown(&[none]), shown(&parts[1..2]), shown(&[none, parts[2]])], [false, false, true, true]);
}

#[test]
fn people_are_shown_the_beginning_of_an_id() {
    assert_eq!((short_id("0123456789abcdef"), short_id("0123")), ("01234567", "0123"));
}
