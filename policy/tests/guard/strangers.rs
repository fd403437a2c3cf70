//! Who counts: places that were rightful, and nothing that others made of themselves or of their friends.

use provisioner_policy::*;

use crate::{SERVER, due_removals, read, read_rows, subject, world};

#[test]
fn however_many_strangers_come_what_is_due_among_the_others_stays_the_same() {
    let mut world = world(&[5, 5], GuardLimits::default());
    let rooms: Vec<RoomIx> = world.rooms().collect();
    read(&mut world, (0..2).flat_map(|team| (team..5).map(move |user| (team, user))));
    let alone = plan(&world, &Recent::default());
    assert_eq!(due_removals(&world, &alone), [0, 1]);
    for stranger in 0..40 {
        let mxid = format!("@stranger{stranger}:elsewhere");
        let user = world.intern(&mxid);
        if stranger % 2 == 0 {
            world.set_member(rooms[0], user, Membership::Join, None);
            world.note_stranger((Class::Removals, Some(rooms[0])), user);
        } else {
            world.set_member(rooms[1], user, Membership::Invite, None);
            world.note_invited_by_other(rooms[1], user);
        }
    }
    let crowded = plan(&world, &Recent::default());
    assert_eq!((due_removals(&world, &crowded), crowded.held().count()), (vec![20, 21], 0));
    let rightful: u32 = crowded.due().map(|action| world.rightful(&action.change)).sum();
    assert_eq!(rightful, 1, "so many are written into the ledger as taken");
    // They do not make a share smaller either: one more of five would be too many.
    read(&mut world, (0..2).flat_map(|team| (team * 3..5).map(move |user| (team, user))));
    assert_eq!(plan(&world, &Recent::default()).held().count(), 3);
}

#[test]
fn a_stranger_who_becomes_entitled_is_none_any_more() {
    let mut world = world(&[5], GuardLimits { free_removals: 0, max_fraction: 0.1, ..GuardLimits::default() });
    let room = world.room_by_key("room0").unwrap();
    let user = world.intern(&format!("@{}:{SERVER}", subject(0, 77)));
    let rows = || (0..5).map(|user| (0, user));
    read(&mut world, rows());
    world.set_member(room, user, Membership::Join, None);
    world.note_stranger((Class::Removals, Some(room)), user);
    world.forget_settled_strangers();
    assert_eq!(due_removals(&world, &plan(&world, &Recent::default())), [1]);
    read(&mut world, rows().chain([(0, 77)]));
    world.forget_settled_strangers();
    read(&mut world, rows());
    assert_eq!(plan(&world, &Recent::default()).held().count(), 1, "the place was rightful for a while");
}

#[test]
fn who_came_while_the_room_could_not_be_read_has_a_rightful_place() {
    for (between, rightful) in [(RoomStatus::Unread, 0), (RoomStatus::Unreadable("the bot was out".into()), 1)] {
        let mut world = world(&[5], GuardLimits::default());
        let room = world.room_by_key("room0").unwrap();
        read(&mut world, (0..5).map(|user| (0, user)));
        let comer = world.intern(&format!("@{}:{SERVER}", subject(0, 77)));
        let mut fresh = RoomMirror::default();
        for (user, membership) in world.room(room).members() {
            fresh.take_membership(user, membership, None);
        }
        fresh.take_membership(comer, Membership::Join, None);
        fresh.status = RoomStatus::Ready;
        world.set_room_status(room, between);
        world.set_room(room, fresh);
        for (room, user) in world.take_found() {
            world.note_stranger((Class::Removals, Some(room)), user);
        }
        let plan = plan(&world, &Recent::default());
        let taken: u32 = plan.due().map(|action| world.rightful(&action.change)).sum();
        assert_eq!((plan.actions.len(), taken), (1, rightful));
    }
}

/// Somebody who may send levels and an editor of the roster act together.
#[test]
fn a_level_that_is_raised_by_hand_makes_no_stranger_of_who_has_a_grant() {
    let grant = |level| PowerGrant { level, grant: vec![Selector::Team("team0".into())] };
    let room = RoomPolicy::new("room0", format!("!room0:{SERVER}"), vec![Selector::Team("team0".into())]);
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: "@bot:phenom.test".into(),
        rooms: vec![RoomPolicy { power: vec![grant(50)], ..room }],
        modes: Modes { power_levels: Mode::Enforce, ..Modes::default() },
        ..Policy::default()
    });
    let room = world.room_by_key("room0").unwrap();
    let (lead, other) = (format!("@{}:{SERVER}", subject(0, 0)), format!("@{}:{SERVER}", subject(0, 1)));
    read(&mut world, [(0, 0)].into_iter());
    world.set_membership(room, &lead, Membership::Join, None);
    let content = serde_json::json!({"users": {"@bot:phenom.test": 100, &lead: 51, &other: 51}});
    let raised = StateEntry { content, sender: "@manager:phenom.test".into(), event_id: "$levels".into() };
    world.set_state(room, POWER_LEVELS, raised);
    let raised = [&lead, &other].map(|mxid| world.intern(mxid));
    for user in raised {
        world.note_stranger((Class::PowerLevels, Some(room)), user);
    }
    let strangers: Vec<UserIx> = world.strangers.iter().map(|(_, user)| user).collect();
    assert_eq!(strangers, [raised[1]], "with 51 the lead would lose the 50 of the grant");
}

/// A row goes, comes back, and goes once more within minutes; somebody else's hand was quicker than ours in between.
#[test]
fn who_was_lowered_and_has_the_grant_again_loses_a_rightful_level_when_it_goes_once_more() {
    let grant = PowerGrant { level: 50, grant: vec![Selector::Team("team0".into())] };
    let room = RoomPolicy::new("room0", format!("!room0:{SERVER}"), vec![Selector::Everyone]);
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: "@bot:phenom.test".into(),
        rooms: vec![RoomPolicy { power: vec![grant], ..room }],
        ..Policy::default()
    });
    let room = world.room_by_key("room0").unwrap();
    let lead = format!("@{}:{SERVER}", subject(0, 0));
    let user = world.intern(&lead);
    world.set_membership(room, &lead, Membership::Join, None);
    let edit = PowerEdit { of: user.into(), before: Some(50), after: None, lowers: true };
    let lower = Change::SetPowerLevels { room, edits: vec![edit].into() };
    world.set_lowered(room, user, Some(None));
    read(&mut world, [].into_iter());
    world.forget_lowered_who_are_granted();
    assert_eq!(world.rightful(&lower), 0, "raised by another hand, with no grant");
    read(&mut world, [(0, 0)].into_iter());
    world.forget_lowered_who_are_granted();
    read(&mut world, [].into_iter());
    assert_eq!(world.rightful(&lower), 1);
}

/// Six moderators by hand, in a room of which the policy says nothing about levels until somebody writes it.
#[test]
fn nobody_is_a_stranger_to_a_level_while_nothing_is_decided_about_levels() {
    let room = RoomPolicy::new("room0", format!("!room0:{SERVER}"), vec![Selector::Team("team0".into())]);
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: "@bot:phenom.test".into(),
        rooms: vec![room],
        modes: Modes { power_levels: Mode::Enforce, ..Modes::default() },
        ..Policy::default()
    });
    let room = world.room_by_key("room0").unwrap();
    let by_hand = format!("@{}:{SERVER}", subject(0, 0));
    let content = serde_json::json!({"users": {"@bot:phenom.test": 100, &by_hand: 50}});
    let raised = StateEntry { content, sender: "@owner:phenom.test".into(), event_id: "$levels".into() };
    world.set_state(room, POWER_LEVELS, raised);
    let user = world.intern(&by_hand);
    world.note_stranger((Class::PowerLevels, Some(room)), user);
    assert_eq!(world.strangers.iter().count(), 0);
}

/// Puppets that an admin made admins, and that were looked at by themselves before the next listing.
#[test]
fn an_admin_who_was_seen_by_themselves_is_a_stranger_too() {
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: "@bot:phenom.test".into(),
        server_admins: vec![Selector::Team("team0".into())],
        modes: Modes { server_admins: Mode::Enforce, ..Modes::default() },
        ..Policy::default()
    });
    let admin = OnServer { present: true, admin: true, ..OnServer::default() };
    let [from_before, puppet] = [0, 1].map(|user| format!("@{}:{SERVER}", subject(7, user)));
    read(&mut world, [(0, 0)].into_iter());
    world.set_on_server(&from_before, admin);
    world.set_on_server(&puppet, OnServer { present: true, ..OnServer::default() });
    world.set_accounts_listed(true);
    let user = world.intern(&puppet);
    world.set_account_seen(user, admin);
    world.set_on_server(&puppet, admin);
    let strangers: Vec<UserIx> = world.strangers.iter().map(|(_, user)| user).collect();
    assert_eq!(strangers, [user]);
}

#[test]
fn an_empty_answer_holds_strangers_too() {
    let mut world = world(&[5], GuardLimits::default());
    let room = world.room_by_key("room0").unwrap();
    read(&mut world, std::iter::empty());
    let user = world.intern(&format!("@{}:{SERVER}", subject(0, 77)));
    world.set_member(room, user, Membership::Join, None);
    world.note_stranger((Class::Removals, Some(room)), user);
    assert_eq!(plan(&world, &Recent::default()).held().count(), 6, "nothing says that this one is a stranger");
}

/// Somebody who had left comes back by themselves while the roster answers nothing, and their row is lost with it.
#[test]
fn nobody_is_a_stranger_to_what_nobody_can_say_who_is_entitled_to() {
    let silent: [fn(&mut World); 2] = [
        |world| read(world, std::iter::empty()),
        |world| {
            read_rows(world, (0..4).map(|user| (Some(subject(0, user)), 0)).chain([(None, 0)]));
        },
    ];
    for silence in silent {
        let mut world = world(&[10], GuardLimits::default());
        let room = world.room_by_key("room0").unwrap();
        let back = world.intern(&format!("@{}:{SERVER}", subject(0, 9)));
        read(&mut world, (0..10).map(|user| (0, user)));
        world.set_member(room, back, Membership::Left, None);
        silence(&mut world);
        world.set_member(room, back, Membership::Join, None);
        world.note_stranger((Class::Removals, Some(room)), back);
        // All rows but theirs come back, and then half of those.
        for (rows, held) in [(9, 1), (5, 5)] {
            read(&mut world, (0..rows).map(|user| (0, user)));
            world.forget_settled_strangers();
            let plan = plan(&world, &Recent::default());
            assert_eq!((due_removals(&world, &plan), plan.held().count()), (vec![0], held));
        }
        // With their own row it was rightful, and is counted when it goes.
        read(&mut world, (0..10).map(|user| (0, user)));
        world.forget_settled_strangers();
        read(&mut world, (0..9).map(|user| (0, user)));
        assert_eq!(due_removals(&world, &plan(&world, &Recent::default())), [1]);
    }
}

/// They came back while the roster answered nothing, and then the pool says that their accounts are gone.
#[test]
fn who_is_disabled_in_the_pool_is_counted_however_they_came() {
    let mut world = world(&[10], GuardLimits { free_removals: 0, max_removals: 2, ..GuardLimits::default() });
    let room = world.room_by_key("room0").unwrap();
    world.set_accounts_from(AccountsFrom::Pool);
    world.set_pool(SourceState::Good);
    let mxid = |user| format!("@{}:{SERVER}", subject(0, user));
    (0..10).for_each(|user| world.set_account(&mxid(user), Account::Active, None, false));
    read(&mut world, std::iter::empty());
    for user in 0..3 {
        let back = world.intern(&mxid(user));
        world.note_stranger((Class::Removals, Some(room)), back);
        world.set_account(&mxid(user), Account::Disabled, None, false);
    }
    read(&mut world, (0..10).map(|user| (0, user)));
    let plan = plan(&world, &Recent::default());
    let held = plan.held().filter(|action| action.change.kind() == Kind::Remove);
    assert_eq!((held.count(), due_removals(&world, &plan)), (3, vec![0]));
}
