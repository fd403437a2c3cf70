//! Leaves by choice: what ends them, what does not, and when they are cleared.

use provisioner_policy::*;

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";

fn mxid(subject: &str) -> String {
    format!("@{subject}:{SERVER}")
}

fn present() -> OnServer {
    OnServer { present: true, ..OnServer::default() }
}

/// Three rooms of the same team: `staff` and `annex` remove who is not listed, `club` keeps them.
fn world(modes: Modes) -> World {
    let room = |key: &str, members: Vec<Selector>, unlisted| RoomPolicy {
        unlisted,
        ..RoomPolicy::new(key, format!("!{key}:{SERVER}"), members)
    };
    let team = || vec![Selector::Team("staff".into())];
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: BOT.into(),
        rooms: vec![
            room("staff", team(), Unlisted::Remove),
            room("annex", team(), Unlisted::Remove),
            room("club", team(), Unlisted::Keep),
            room("nest", vec![Selector::Group("nest".into())], Unlisted::Keep),
        ],
        modes,
        ..Policy::default()
    });
    world.set_group("nest", SourceState::Good, [mxid("p0")].iter());
    for room in world.rooms() {
        world.set_room_status(room, RoomStatus::Ready);
    }
    world.set_accounts_listed(true);
    world
}

fn enforced() -> World {
    world(Modes { joins: Mode::Enforce, removals: Mode::Enforce, ..Modes::default() })
}

fn room(world: &World, key: &str) -> RoomIx {
    world.room_by_key(key).expect("the policy has it")
}

fn person(number: usize) -> String {
    format!("p{number}")
}

/// So many people of the roster, all in these rooms.
fn people(world: &mut World, rooms: &[&str], count: usize) {
    read(world, 0..count);
    for subject in (0..count).map(person) {
        world.set_on_server(&mxid(&subject), present());
        for key in rooms {
            world.set_membership(room(world, key), &mxid(&subject), Membership::Join, None);
        }
    }
}

fn read(world: &mut World, people: impl Iterator<Item = usize>) {
    let rows = people.map(|number| RosterRow {
        subject: Some(person(number)),
        team: Some("staff".into()),
        role: Some("member".into()),
    });
    world.set_roster(read_roster(rows, SERVER, BOT));
}

fn leave(world: &mut World, key: &str, subject: &str, event_id: &str) {
    let room = room(world, key);
    world.set_membership(room, &mxid(subject), Membership::Left, Some(event_id));
}

/// Why somebody is blocked from a room.
fn blocked(world: &World, key: &str, subject: &str) -> Option<Because> {
    let (room, user) = (room(world, key), world.users.get(&mxid(subject)));
    let plan = plan(world, &Recent::default());
    plan.blocked.into_iter().find(|one| one.room == Some(room) && Some(one.user) == user).map(|one| one.because)
}

fn is_joined(world: &World, key: &str, subject: &str) -> bool {
    let (room, user) = (room(world, key), world.users.get(&mxid(subject)));
    let plan = plan(world, &Recent::default());
    plan.of(Some(room), Kind::Join).iter().any(|action| action.change.user() == user)
}

/// The rooms in which leaves are cleared, with whose.
fn cleared(world: &World) -> Vec<(String, String)> {
    let plan = plan(world, &Recent::default());
    let leaves = plan.cleared_leaves.iter();
    leaves.map(|leave| (leave.room.key(world).to_owned(), world.users.key(leave.user).to_owned())).collect()
}

#[test]
fn what_others_do_is_no_return() {
    for others in [
        &[Membership::Invite][..],
        &[Membership::Ban, Membership::Removed],
        &[Membership::Invite, Membership::Removed],
        &[Membership::Removed, Membership::Invite],
    ] {
        let mut world = enforced();
        people(&mut world, &["staff"], 5);
        leave(&mut world, "staff", "p0", "$left");
        for membership in others {
            let staff = room(&world, "staff");
            world.set_membership(staff, &mxid("p0"), *membership, Some("$by_others"));
            let why = if *membership == Membership::Ban { Because::Banned } else { Because::LeftByChoice };
            assert_eq!(blocked(&world, "staff", "p0"), Some(why), "{others:?}");
            assert!(!is_joined(&world, "staff", "p0"), "{others:?}");
        }
        // Somebody asks.
        let (staff, user) = (room(&world, "staff"), world.intern(&mxid("p0")));
        world.clear_leave(staff, user, "$left");
        assert!(is_joined(&world, "staff", "p0"), "{others:?}");
    }
}

#[test]
fn what_they_do_themselves_is_a_return() {
    for own in [Membership::Join, Membership::Knock] {
        let mut world = enforced();
        people(&mut world, &["staff"], 5);
        leave(&mut world, "staff", "p0", "$left");
        let staff = room(&world, "staff");
        world.set_membership(staff, &mxid("p0"), own, None);
        world.set_membership(staff, &mxid("p0"), Membership::Removed, None);
        assert!(is_joined(&world, "staff", "p0"), "{own:?}");
    }
}

#[test]
fn who_was_invited_after_they_left_is_joined_when_they_lost_the_entitlement_and_have_it_again() {
    let mut world = enforced();
    people(&mut world, &["staff", "club"], 20);
    for key in ["staff", "club"] {
        leave(&mut world, key, "p0", "$left");
        let room = room(&world, key);
        world.set_membership(room, &mxid("p0"), Membership::Invite, None);
    }
    read(&mut world, 1..20);
    // The invitation is taken back first where nobody stays who is not listed.
    assert_eq!(cleared(&world), [("club".to_owned(), "p0".to_owned())]);
    let first = plan(&world, &Recent::default());
    first.due().for_each(|action| world.take_effect(&action.change));
    let pair = |key: &str| (key.to_owned(), "p0".to_owned());
    assert_eq!(cleared(&world), [pair("staff"), pair("club")]);
    for leave in plan(&world, &Recent::default()).cleared_leaves {
        world.clear_leave(leave.room, leave.user, &leave.event_id);
    }
    read(&mut world, 0..20);
    assert!(is_joined(&world, "staff", "p0") && is_joined(&world, "club", "p0"));
}

/// As after a restart: an invitation by somebody else is read, and nothing of what was before.
#[test]
fn nobody_is_joined_before_it_is_known_whether_they_had_left() {
    for (left_by, why) in [(Some("$left"), Some(Because::LeftByChoice)), (None, None)] {
        let mut world = enforced();
        people(&mut world, &["staff"], 5);
        let (staff, user) = (room(&world, "staff"), world.intern(&mxid("p0")));
        let mut fresh = RoomMirror::of_version("10".to_owned());
        for number in 1..5 {
            let user = world.intern(&mxid(&person(number)));
            fresh.take_membership(user, Membership::Join, None);
        }
        fresh.take_membership(user, Membership::Invite, None);
        fresh.set_past_unread(user, "$invite");
        fresh.status = RoomStatus::Ready;
        let mut planner = Planner::default();
        planner.plan(&mut world, &Recent::default());
        world.set_room(staff, fresh);
        assert_eq!(blocked(&world, "staff", "p0"), Some(Because::PastUnread));
        assert_eq!(*planner.plan(&mut world, &Recent::default()), plan(&world, &Recent::default()));
        world.settle_past(staff, user, left_by);
        assert_eq!((blocked(&world, "staff", "p0"), is_joined(&world, "staff", "p0")), (why, left_by.is_none()));
        assert_eq!(*planner.plan(&mut world, &Recent::default()), plan(&world, &Recent::default()));
    }
}

/// They left, a moderator invited them and took it back, and then the room is read again before their loss has settled.
#[test]
fn a_room_that_is_read_again_forgets_no_leave_behind_what_others_did() {
    for left_by in [Some("$left"), None] {
        let mut world = enforced();
        people(&mut world, &["staff"], 20);
        let (staff, user) = (room(&world, "staff"), world.intern(&mxid("p0")));
        leave(&mut world, "staff", "p0", "$left");
        world.set_membership(staff, &mxid("p0"), Membership::Removed, None);
        read(&mut world, 1..20);
        assert_eq!(cleared(&world), [("staff".to_owned(), "p0".to_owned())]);
        let mut fresh = RoomMirror::of_version("10".to_owned());
        for number in 1..20 {
            let user = world.intern(&mxid(&person(number)));
            fresh.take_membership(user, Membership::Join, None);
        }
        fresh.take_membership(user, Membership::Removed, None);
        fresh.set_past_unread(user, "$taken_back");
        fresh.status = RoomStatus::Ready;
        world.set_room(staff, fresh);
        assert_eq!(cleared(&world), [("staff".to_owned(), "p0".to_owned())], "the loss clears it all the same");
        world.clear_leave(staff, user, "$left");
        // Entitled again they are joined once it is known that nothing else stands behind it.
        read(&mut world, 0..20);
        assert_eq!(blocked(&world, "staff", "p0"), Some(Because::PastUnread));
        world.settle_past(staff, user, left_by);
        assert_eq!((blocked(&world, "staff", "p0"), is_joined(&world, "staff", "p0")), (None, true));
    }
}

/// The bot came later than they left, and sees nothing of what was before it.
#[test]
fn what_cannot_be_seen_of_a_past_contradicts_no_leave_that_is_known() {
    let mut world = enforced();
    people(&mut world, &["staff"], 5);
    let (staff, user) = (room(&world, "staff"), world.intern(&mxid("p0")));
    leave(&mut world, "staff", "p0", "$left");
    let mut fresh = RoomMirror::of_version("10".to_owned());
    fresh.take_membership(user, Membership::Invite, None);
    fresh.set_past_unread(user, "$invite");
    fresh.status = RoomStatus::Ready;
    world.set_room(staff, fresh);
    assert_eq!(blocked(&world, "staff", "p0"), Some(Because::PastUnread));
    world.settle_past_from_the_beginning(staff, user);
    assert_eq!(blocked(&world, "staff", "p0"), Some(Because::LeftByChoice));
}

#[test]
fn what_is_held_or_observed_in_one_room_keeps_no_leave_of_another_from_being_cleared() {
    for removals in [Mode::Observe, Mode::Enforce] {
        let mut world = world(Modes { joins: Mode::Enforce, removals, ..Modes::default() });
        people(&mut world, &["club"], 20);
        // In the annex a clean-up waits, of people that nobody has listed.
        let annex = room(&world, "annex");
        for number in 100..120 {
            world.set_membership(annex, &mxid(&person(number)), Membership::Join, None);
        }
        leave(&mut world, "staff", "p0", "$left");
        read(&mut world, 1..20);
        let plan = plan(&world, &Recent::default());
        assert!(plan.of(Some(annex), Kind::Remove).iter().all(|action| action.held.is_some()), "{:?}", plan.actions);
        assert_eq!(cleared(&world), [("staff".to_owned(), "p0".to_owned())], "{removals:?}");
    }
}

#[test]
fn an_answer_that_lost_half_its_rows_clears_no_leave_of_a_room_that_keeps_its_members() {
    let mut world = enforced();
    people(&mut world, &["club"], 60);
    leave(&mut world, "club", "p0", "$left");
    read(&mut world, 30..60);
    assert_eq!(cleared(&world), []);
    // Whole again, and then one row goes.
    read(&mut world, 0..60);
    assert_eq!(blocked(&world, "club", "p0"), Some(Because::LeftByChoice));
    read(&mut world, 1..60);
    assert_eq!(cleared(&world), [("club".to_owned(), "p0".to_owned())]);
}

#[test]
fn an_empty_group_clears_no_leave() {
    let mut world = enforced();
    people(&mut world, &["club"], 20);
    leave(&mut world, "nest", "p0", "$left");
    world.set_group("nest", SourceState::Good, std::iter::empty::<String>());
    assert_eq!(cleared(&world), []);
    world.set_group("nest", SourceState::Good, [mxid("p1")].iter());
    assert_eq!(cleared(&world), [("nest".to_owned(), "p0".to_owned())]);
}

#[test]
fn leaving_with_a_deactivated_account_is_no_choice() {
    let closed = OnServer { deactivated: true, ..present() };
    let mut world = enforced();
    people(&mut world, &["staff", "club"], 20);
    let user = world.intern(&mxid("p0"));
    // They left the club by choice, with an open account; then somebody deactivates it.
    leave(&mut world, "club", "p0", "$chosen");
    world.set_account_seen(user, present());
    leave(&mut world, "staff", "p0", "$parted");
    assert_eq!(cleared(&world), []);
    world.set_account_seen(user, closed);
    assert_eq!(cleared(&world), [("staff".to_owned(), "p0".to_owned())]);
    let staff = room(&world, "staff");
    world.clear_leave(staff, user, "$parted");
    assert_eq!(blocked(&world, "staff", "p0"), Some(Because::Deactivated));
    world.set_account_seen(user, present());
    assert!(is_joined(&world, "staff", "p0"));
    assert_eq!(blocked(&world, "club", "p0"), Some(Because::LeftByChoice));
}
