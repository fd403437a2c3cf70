//! Following a room to its successor: what the file says, what the database remembers, and which of the two wins.

use provisioner_policy::*;

fn room(key: &str, id: &str) -> RoomPolicy {
    RoomPolicy::new(key, id, vec![Selector::Subject("u1".into()), Selector::Subject("u2".into())])
}

fn world(id: &str) -> World {
    let joins = Modes { joins: Mode::Enforce, removals: Mode::Enforce, accounts: Mode::Enforce, ..Modes::default() };
    let mut world = World::new(Policy {
        server_name: "a".into(),
        bot: "@bot:a".into(),
        rooms: vec![room("staff", id), room("other", "!other:a")],
        modes: joins,
        ..Policy::default()
    });
    world.set_accounts_listed(true);
    for user in ["@u1:a", "@u2:a"] {
        world.set_on_server(user, OnServer { present: true, ..OnServer::default() });
    }
    world
}

fn followed(configured: &str, id: &str) -> Followed {
    Followed {
        configured: configured.into(),
        id: id.into(),
        by: "somebody".into(),
        at: "today".into(),
        voluntary_leaves: vec![("@u2:a".into(), "$left".into())],
    }
}

fn id_of(world: &World) -> &str {
    &world.policy.rooms[0].id
}

#[test]
fn the_policy_moves_and_only_the_moved_room_is_read_again() {
    let mut world = world("!old:a");
    for room in world.rooms() {
        world.set_room_status(room, RoomStatus::Ready);
    }
    let moved = world.follow(vec![followed("!old:a", "!new:a")]);
    assert_eq!(moved, [world.room_by_key("staff").unwrap()]);
    assert_eq!((id_of(&world), &world.room(moved[0]).status), ("!new:a", &RoomStatus::Unread));
    assert!(world.follow(vec![followed("!old:a", "!new:a")]).is_empty(), "hearing it again changes nothing");
    assert!(world.notices().iter().any(|notice| notice.contains("write id = \"!new:a\"")), "{:?}", world.notices());
}

#[test]
fn a_file_that_names_the_successor_or_yet_another_room_wins() {
    for id in ["!new:a", "!third:a"] {
        let mut world = world(id);
        assert!(world.follow(vec![followed("!old:a", "!new:a")]).is_empty());
        assert_eq!(id_of(&world), id);
        assert!(!world.notices().iter().any(|notice| notice.contains("is followed")));
    }
}

#[test]
fn chains_are_followed_to_their_end_and_circles_end() {
    let mut world = world("!old:a");
    world.follow(vec![followed("!old:a", "!new:a")]);
    world.follow(vec![followed("!old:a", "!newer:a")]);
    assert_eq!(id_of(&world), "!newer:a");
    // The file was mended after the first move, and the room was replaced again.
    let mut mended = self::world("!new:a");
    mended.follow(vec![followed("!old:a", "!new:a"), followed("!new:a", "!newer:a")]);
    assert_eq!(id_of(&mended), "!newer:a");
    let mut circle = self::world("!old:a");
    circle.follow(vec![followed("!old:a", "!new:a"), followed("!new:a", "!old:a")]);
    assert_eq!(id_of(&circle), "!new:a");
    circle.follow(vec![]);
    assert_eq!(id_of(&circle), "!old:a", "what is no longer followed is what the file says");
}

#[test]
fn what_was_noted_of_a_room_is_known_by_the_first_of_its_chain_whichever_the_file_names() {
    let moves = || vec![followed("!old:a", "!new:a"), followed("!new:a", "!newer:a")];
    for named in ["!old:a", "!new:a", "!newer:a"] {
        let mut world = world(named);
        world.follow(moves());
        assert_eq!((id_of(&world), world.policy.rooms[0].first_id()), ("!newer:a", "!old:a"), "{named}");
        world.follow(vec![]);
        assert_eq!((id_of(&world), world.policy.rooms[0].first_id()), (named, named));
    }
}

#[test]
fn who_had_left_by_choice_is_not_joined_to_the_successor() {
    let mut world = world("!old:a");
    let room = world.follow(vec![followed("!old:a", "!new:a")])[0];
    world.set_room_status(room, RoomStatus::Ready);
    world.inherit_voluntary_leaves();
    let before = plan(&world, &Recent::default());
    let joined: Vec<_> = before.actions.iter().map(|action| action.change.user()).collect();
    assert_eq!(joined, [world.users.get("@u1:a")]);
    assert_eq!(before.blocked[0].because, Because::LeftByChoice);
    // Asked for, they are joined there as anywhere.
    let user = world.users.get("@u2:a").unwrap();
    world.clear_leave(room, user, "$left");
    assert_eq!(plan(&world, &Recent::default()).actions.len(), 2);
    // A user who is in the new room by now has left nothing.
    world.set_member(room, user, Membership::Join, None);
    world.inherit_voluntary_leaves();
    assert_eq!(world.room(room).membership(user), Membership::Join);
}

#[test]
fn a_file_that_names_the_successor_keeps_who_had_left_out_of_it() {
    let mut world = world("!new:a");
    world.follow(vec![followed("!old:a", "!new:a")]);
    let room = world.room_by_key("staff").unwrap();
    world.set_room_status(room, RoomStatus::Ready);
    world.inherit_voluntary_leaves();
    let plan = plan(&world, &Recent::default());
    let joined: Vec<_> = plan.actions.iter().map(|action| action.change.user()).collect();
    assert_eq!((joined, &plan.blocked[0].because), (vec![world.users.get("@u1:a")], &Because::LeftByChoice));
    assert_eq!(
        world.policy.followed("!new:a").map(|followed| followed.voluntary_leaves.len()),
        Some(1),
        "for the next one"
    );
    assert!(world.follow(vec![]).is_empty());
}

#[test]
fn who_was_invited_to_the_successor_by_others_has_not_come_back() {
    let mut world = world("!old:a");
    let room = world.follow(vec![followed("!old:a", "!new:a")])[0];
    for mxid in ["@u1:a", "@u2:a"] {
        let user = world.intern(mxid);
        let mut fresh = RoomMirror::of_version("11".to_owned());
        fresh.status = RoomStatus::Ready;
        fresh.take_membership(user, Membership::Invite, None);
        fresh.set_past_unread(user, "$invited");
        world.set_room(room, fresh);
        world.settle_past_from_the_beginning(room, user);
        let plan = plan(&world, &Recent::default());
        let blocked = plan.blocked.iter().any(|one| one.user == user && one.because == Because::LeftByChoice);
        assert_eq!(blocked, mxid == "@u2:a", "{mxid}");
        // Nor was what they took along the parting of an account that is closed later.
        world.set_on_server(mxid, OnServer { present: true, deactivated: true, ..OnServer::default() });
        let closed = provisioner_policy::plan(&world, &Recent::default());
        assert!(closed.cleared_leaves.iter().all(|leave| leave.user != user), "{mxid}");
    }
}

#[test]
fn who_is_in_the_successor_as_it_is_read_for_the_first_time_did_not_come_in_since() {
    let mut world = world("!new:a");
    world.follow(vec![followed("!old:a", "!new:a")]);
    let room = world.room_by_key("staff").unwrap();
    let read_with = |world: &mut World, members: &[&str]| {
        let mut fresh = RoomMirror::of_version("11".to_owned());
        fresh.status = RoomStatus::Ready;
        for mxid in members {
            fresh.take_membership(world.intern(mxid), Membership::Join, None);
        }
        world.set_room(room, fresh);
        world.take_found()
    };
    // Another room's reading ends first.
    world.inherit_voluntary_leaves();
    assert_eq!(read_with(&mut world, &["@bot:a", "@u1:a", "@else:a"]), []);
    world.inherit_voluntary_leaves();
    let late = world.intern("@late:a");
    assert_eq!(read_with(&mut world, &["@bot:a", "@u1:a", "@else:a", "@late:a"]), [(room, late)]);
}
