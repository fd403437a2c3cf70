//! The guard, over random accidents upstream: whatever share of the rows an answer loses, what is taken stays within the
//! limits, and nothing else is concluded from it.

use proptest::prelude::*;
use provisioner_policy::*;
use sha2::{Digest as _, Sha256};

const SERVER: &str = "phenom.test";

/// A server with one room a team and so many members in each.
fn world(teams: &[usize], limits: GuardLimits) -> World {
    let room = |number: usize| {
        RoomPolicy::new(
            format!("room{number}"),
            format!("!room{number}:{SERVER}"),
            vec![Selector::Team(format!("team{number}"))],
        )
    };
    let enforce = Modes { accounts: Mode::Enforce, joins: Mode::Enforce, removals: Mode::Enforce, ..Modes::default() };
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: "@bot:phenom.test".into(),
        rooms: (0..teams.len()).map(room).collect(),
        modes: enforce,
        guard: limits,
        ..Policy::default()
    });
    for (number, count) in teams.iter().enumerate() {
        let room = world.rooms().nth(number).expect("a room of the policy");
        world.set_room_status(room, RoomStatus::Ready);
        for user in 0..*count {
            let mxid = format!("@{}:{SERVER}", subject(number, user));
            world.set_on_server(&mxid, OnServer { present: true, ..OnServer::default() });
            world.set_membership(room, &mxid, Membership::Join, None);
        }
    }
    world.set_accounts_listed(true);
    world
}

fn subject(team: usize, user: usize) -> String {
    format!("t{team}u{user}")
}

fn read(world: &mut World, rows: impl Iterator<Item = (usize, usize)>) {
    let row = |(team, user)| RosterRow {
        subject: Some(subject(team, user)),
        team: Some(format!("team{team}")),
        role: Some("member".into()),
    };
    let rows: Vec<RosterRow> = rows.map(row).collect();
    world.set_roster(read_roster(rows, SERVER, "@bot:phenom.test"));
}

fn due_removals(world: &World, plan: &Plan) -> Vec<u32> {
    let mut due = vec![0; world.policy.rooms.len()];
    for action in plan.due().filter(|action| action.change.kind() == Kind::Remove) {
        due[action.change.room().expect("a removal is from a room").index()] += 1;
    }
    due
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn however_many_rows_an_answer_loses_what_is_taken_stays_within_the_limits(
        teams in proptest::collection::vec(0..30usize, 1..8),
        kept in proptest::collection::vec(any::<bool>(), 240),
        free in 0..4u32, more in 0..6u32, max_fraction in 0.0..1.0f64,
    ) {
        let limits = GuardLimits { free_removals: free, max_removals: free + more, max_fraction, window_seconds: 60 };
        let mut world = world(&teams, limits);
        let everyone = teams.iter().enumerate().flat_map(|(team, count)| (0..*count).map(move |user| (team, user)));
        let rows: Vec<_> = everyone.filter(|(team, user)| kept[team * 30 + user]).collect();
        let newcomer = (0, 100);
        read(&mut world, rows.into_iter().chain([newcomer]));
        let plan = plan(&world, &Recent::default());
        let due = due_removals(&world, &plan);
        for (room, taken) in due.iter().enumerate() {
            let share = max_fraction * teams[room] as f64;
            prop_assert!(*taken <= free || f64::from(*taken) <= share, "{taken} of {}", teams[room]);
        }
        prop_assert!(due.iter().sum::<u32>() <= limits.max_removals);
        // What gives goes on, and what is held is counted right.
        prop_assert!(plan.due().any(|action| action.change.kind() == Kind::Join));
        let held: u32 = plan.held_part(&world).map_or(0, |part| part.counts.iter().map(|one| one.count).sum());
        prop_assert_eq!(held as usize, plan.held().count());
    }
}

#[test]
fn rooms_that_each_lose_few_are_held_when_they_lose_many_together() {
    let mut world = world(&[20, 20, 20], GuardLimits::default());
    read(&mut world, (0..3).flat_map(|team| (2..20).map(move |user| (team, user))));
    let plan = plan(&world, &Recent::default());
    assert_eq!(due_removals(&world, &plan), [0, 0, 0]);
    let gone = world.users.get(&format!("@{}:{SERVER}", subject(0, 0))).unwrap();
    let because = &world.explain(gone, &plan).rooms[0].because;
    assert!(because.starts_with("held for approval, and nothing is taken until then"), "{because}");
    let part = plan.held_part(&world).unwrap();
    assert_eq!(
        part.counts.iter().map(|one| (one.room.as_deref(), one.count)).collect::<Vec<_>>(),
        [(Some("room0"), 2), (Some("room1"), 2), (Some("room2"), 2)]
    );
    assert!(part.reasons[0].starts_with("room0: 6 removals within"), "{:?}", part.reasons);
}

#[test]
fn a_leave_by_choice_is_not_forgotten_for_an_answer_that_the_guard_does_not_believe() {
    let mut world = world(&[10], GuardLimits::default());
    let room = world.room_by_key("room0").unwrap();
    world.set_membership(room, &format!("@t0u9:{SERVER}"), Membership::Left, Some("$left"));
    read(&mut world, (0..3).map(|user| (0, user)));
    let doubtful = plan(&world, &Recent::default());
    assert_eq!((doubtful.held().count(), doubtful.cleared_leaves.len()), (6, 0));
    read(&mut world, (0..9).map(|user| (0, user)));
    assert_eq!(plan(&world, &Recent::default()).cleared_leaves.len(), 1, "one row that goes is believed");
}

#[test]
fn joining_others_meanwhile_does_not_make_what_is_held_a_smaller_share() {
    let mut world = world(&[10], GuardLimits::default());
    let room = world.room_by_key("room0").unwrap();
    read(&mut world, (3..10).chain(100..110).map(|user| (0, user)));
    let first = plan(&world, &Recent::default());
    let part = first.held_part(&world).unwrap();
    assert_eq!((part.counts[0].count, part.counts[0].of), (3, Some(10)));
    for action in first.due() {
        if let Change::Join { user, .. } = action.change {
            world.set_member(room, user, Membership::Join, None);
        }
    }
    let mut recent = Recent::default();
    assert_eq!(due_removals(&world, &plan(&world, &recent)), [3], "3 of 20 would be few");
    recent.remember(&world, &part.counts);
    let second = plan(&world, &recent);
    assert_eq!((due_removals(&world, &second), second.held_id(&world)), (vec![0], Some(part.id)));
    // When fewer would go, they go.
    read(&mut world, (2..10).map(|user| (0, user)));
    assert_eq!(due_removals(&world, &plan(&world, &recent))[0], 0, "the ten who were joined would go as well");
    read(&mut world, (2..10).chain(100..110).map(|user| (0, user)));
    assert_eq!(due_removals(&world, &plan(&world, &recent)), [2]);
}

#[test]
fn one_row_a_minute_for_an_hour_takes_no_more_than_the_limit_however_long_it_is_left() {
    let limits = GuardLimits::default();
    let mut world = world(&[100], limits);
    let room = world.rooms().next().expect("the one room");
    let mut removed_at: Vec<u64> = Vec::new();
    for minute in 0..180 {
        let gone = usize::try_from(minute + 1).expect("a few").min(60);
        read(&mut world, (gone..100).map(|user| (0, user)));
        let now = minute * 60;
        let lately = removed_at.iter().filter(|at| now - **at < limits.window_seconds).count();
        let taken = [((Class::Removals, Some(room)), u32::try_from(lately).expect("a few"))];
        let plan = plan(&world, &Recent { taken: taken.into_iter().collect(), ..Recent::default() });
        assert_eq!(plan.held().count() + plan.due().count() + removed_at.len(), gone);
        let due: Vec<UserIx> = plan.due().filter_map(|action| action.change.user()).collect();
        for user in due {
            world.set_member(room, user, Membership::Removed, None);
            removed_at.push(now);
        }
    }
    assert_eq!(removed_at.len(), 5, "{removed_at:?}");
}

/// Plans as the service makes them one after another: what is shown as held is remembered.
fn shown(world: &World, recent: &mut Recent) -> Plan {
    let plan = plan(world, recent);
    recent.withheld.compare(world, &plan, true);
    plan
}

#[test]
fn what_was_shown_stays_held_when_the_window_passes_and_when_the_plan_shrinks() {
    let limits = GuardLimits { free_removals: 0, max_removals: 1, ..GuardLimits::default() };
    let mut world = world(&[30], limits);
    let bucket = (Class::Removals, world.rooms().next());
    let mut recent = Recent { taken: [(bucket, 1)].into_iter().collect(), ..Recent::default() };
    read(&mut world, (1..30).map(|user| (0, user)));
    assert_eq!(shown(&world, &mut recent).held().count(), 1, "the second within the window");
    recent.taken.clear();
    assert_eq!(due_removals(&world, &shown(&world, &mut recent)), [0], "the window has passed");
    read(&mut world, (3..30).map(|user| (0, user)));
    assert_eq!(shown(&world, &mut recent).held().count(), 3);
    read(&mut world, (0..1).chain(2..30).map(|user| (0, user)));
    let after = shown(&world, &mut recent);
    assert_eq!((after.held().count(), due_removals(&world, &after)), (1, vec![0]), "two of three are back");
    // Nobody is planned any more, and with that it is over: the next is judged anew.
    read(&mut world, (0..30).map(|user| (0, user)));
    assert!(shown(&world, &mut recent).is_empty());
    read(&mut world, (0..1).chain(2..30).map(|user| (0, user)));
    assert_eq!(due_removals(&world, &shown(&world, &mut recent)), [1]);
}

#[test]
fn what_was_shown_stays_held_while_its_room_cannot_be_read_and_after_a_restart() {
    let mut world = world(&[10, 10], GuardLimits::default());
    let room = world.room_by_key("room0").unwrap();
    let rows = |kept: std::ops::Range<usize>| kept.map(|user| (0, user)).chain((0..10).map(|user| (1, user)));
    let mut recent = Recent::default();
    read(&mut world, rows(3..10));
    let first = plan(&world, &recent);
    let begun = recent.withheld.compare(&world, &first, true).begun;
    let digests: Vec<Digest> = begun.into_iter().flat_map(|one| one.digests).collect();
    assert_eq!((first.held().count(), digests.len()), (3, 3));
    world.set_room_status(room, RoomStatus::Unreadable("it is slow".into()));
    let unread = plan(&world, &recent);
    let diff = recent.withheld.compare(&world, &unread, true);
    assert!(unread.actions.is_empty() && diff.ended.is_empty());
    world.set_room_status(room, RoomStatus::Ready);
    // Twelve others were joined meanwhile, so that three are few; one of the three is back.
    for user in 100..112 {
        world.set_membership(room, &format!("@{}:{SERVER}", subject(0, user)), Membership::Join, None);
    }
    read(&mut world, rows(2..10).chain((100..112).map(|user| (0, user))));
    for mut recent in [recent, Recent { withheld: Withheld::inherit(digests), ..Recent::default() }] {
        let again = shown(&world, &mut recent);
        assert_eq!((again.held().count(), due_removals(&world, &again)), (2, vec![0, 0]));
    }
    assert_eq!(due_removals(&world, &plan(&world, &Recent::default())), [2, 0], "unseen they would go");
}

#[test]
fn an_approval_that_came_to_nothing_leaves_it_held() {
    let mut world = world(&[30], GuardLimits { free_removals: 0, max_removals: 1, ..GuardLimits::default() });
    let bucket = (Class::Removals, world.rooms().next());
    let digests = {
        let mut recent = Recent { taken: [(bucket, 1)].into_iter().collect(), ..Recent::default() };
        read(&mut world, (1..30).map(|user| (0, user)));
        let held = plan(&world, &recent);
        let begun = recent.withheld.compare(&world, &held, true).begun;
        begun.into_iter().flat_map(|one| one.digests).collect::<Vec<_>>()
    };
    // Approved after a restart, and paused before anything was done: the window has passed by then.
    let mut recent = Recent { withheld: Withheld::inherit(digests), ..Recent::default() };
    let mut approved = plan(&world, &recent);
    approved.actions.iter_mut().for_each(|action| action.held = None);
    for _ in 0..2 {
        let diff = recent.withheld.compare(&world, &approved, true);
        assert!(diff.begun.is_empty() && diff.ended.is_empty(), "{diff:?}");
        assert_eq!(due_removals(&world, &plan(&world, &recent)), [0]);
    }
    for action in approved.due() {
        world.take_effect(&action.change);
    }
    assert_eq!(recent.withheld.compare(&world, &plan(&world, &recent), true).ended.len(), 1, "it is done");
}

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
    world.set_member(room, user, Membership::Join, None);
    world.note_stranger((Class::Removals, Some(room)), user);
    let rows = || (0..5).map(|user| (0, user));
    read(&mut world, rows());
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
fn what_was_shown_stays_held_over_a_restart_while_something_is_in_its_way() {
    let levels = |kick: i64| {
        let content = serde_json::json!({"users": {"@bot:phenom.test": 100}, "kick": kick});
        StateEntry { content, sender: "@owner:phenom.test".into(), event_id: "$levels".into() }
    };
    let mut world = world(&[10], GuardLimits::default());
    let room = world.room_by_key("room0").unwrap();
    world.set_state(room, POWER_LEVELS, levels(50));
    let mut recent = Recent::default();
    read(&mut world, (3..10).map(|user| (0, user)));
    let first = plan(&world, &recent);
    let begun = recent.withheld.compare(&world, &first, true).begun;
    let digests: Vec<Digest> = begun.into_iter().flat_map(|one| one.digests).collect();
    assert_eq!(digests.len(), 3);
    // One of the three is back, somebody takes the bot's power to remove, and the service restarts.
    read(&mut world, (2..10).map(|user| (0, user)));
    world.set_state(room, POWER_LEVELS, levels(101));
    let mut recent = Recent { withheld: Withheld::inherit(digests), ..Recent::default() };
    let blocked = plan(&world, &recent);
    assert_eq!((blocked.actions.len(), blocked.blocked.len()), (0, 2));
    assert_eq!(recent.withheld.compare(&world, &blocked, true).ended.len(), 1, "who is back");
    world.set_state(room, POWER_LEVELS, levels(50));
    let again = shown(&world, &mut recent);
    assert_eq!((again.held().count(), due_removals(&world, &again)), (2, vec![0]));
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

/// The id of a held plan as it was until it named 128 bits.
fn former_id(world: &World, plan: &Plan) -> String {
    let mut hash = Sha256::new();
    for action in plan.held() {
        hash.update([action.change.kind() as u8, action.mode as u8]);
        let room = action.change.room().map(|room| room.key(world).to_owned()).unwrap_or_default();
        let user = action.change.user().map(|user| world.users.key(user)).unwrap_or_default();
        [room.as_str(), user].iter().for_each(|text| hash.update([text.as_bytes(), &[0]].concat()));
    }
    hash.finalize()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn of_two_plans_with_the_same_former_id_one_is_not_the_other() {
    // Found by trying subsets of 24 throwaway members: nine of them, and ten others with the nine leads.
    const DECOYS: [usize; 9] = [3, 4, 5, 9, 14, 15, 17, 18, 21];
    const LEADS_TOO: [usize; 19] = [0, 1, 2, 10, 11, 12, 16, 17, 18, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32];
    let mut world = world(&[33], GuardLimits::default());
    let held = |world: &mut World, gone: &[usize]| {
        read(world, (0..33).filter(|user| !gone.contains(user)).map(|user| (0, user)));
        plan(world, &Recent::default())
    };
    let (benign, other) = (held(&mut world, &DECOYS), held(&mut world, &LEADS_TOO));
    assert_eq!((benign.held().count(), other.held().count()), (9, 19));
    assert_eq!(former_id(&world, &benign), "be83e22c");
    assert_eq!(former_id(&world, &other), "be83e22c");
    let (benign, other) = (benign.held_part(&world).unwrap(), other.held_part(&world).unwrap());
    assert_ne!(benign.id, other.id);
    assert_eq!((benign.id.len(), benign.parts.len()), (32, 9));
    assert_eq!(other.parts.iter().filter(|part| benign.parts.contains(part)).count(), 2, "only 17 and 18 are in both");
}

#[test]
fn what_was_there_before_is_a_part_of_what_is_approved() {
    let mut world = world(&[9], GuardLimits::default());
    let room = world.room_by_key("room0").unwrap();
    let user = format!("@{}:{SERVER}", subject(0, 0));
    read(&mut world, (4..9).map(|user| (0, user)));
    let joined = plan(&world, &Recent::default()).held_id(&world);
    world.set_membership(room, &user, Membership::Invite, None);
    assert_ne!(plan(&world, &Recent::default()).held_id(&world), joined);
}
