//! Accounts from a pool: who is one of everyone, what becomes of who is gone, and what a pool move looks like.

use proptest::prelude::*;
use std::collections::BTreeSet;

use provisioner_policy::*;

const SERVER: &str = "phenom.test";

fn mxid(subject: &str) -> String {
    format!("@{subject}:{SERVER}")
}

fn policy(offboarding: Offboarding) -> Policy {
    let room = |key: &str, members: Vec<Selector>, unlisted| RoomPolicy {
        unlisted,
        ..RoomPolicy::new(key, format!("!{key}:{SERVER}"), members)
    };
    let enforce = Mode::Enforce;
    Policy {
        server_name: SERVER.into(),
        bot: mxid("bot"),
        rooms: vec![
            room("red-room", vec![Selector::Everyone], Unlisted::Keep),
            room("staff", vec![Selector::Team("staff".into())], Unlisted::Remove),
        ],
        modes: Modes { accounts: enforce, joins: enforce, removals: enforce, ..Modes::default() },
        guard: GuardLimits { max_removals: 1000, max_fraction: 1.0, ..GuardLimits::default() },
        offboarding,
        ..Policy::default()
    }
}

/// A world whose pool was listed whole, with `members` in both rooms.
fn world(offboarding: Offboarding, members: &[&str]) -> World {
    world_of(policy(offboarding), members)
}

fn world_of(policy: Policy, members: &[&str]) -> World {
    let mut world = World::new(policy);
    world.set_accounts_from(AccountsFrom::Pool);
    world.set_pool(SourceState::Good);
    let rows = members.iter().map(|subject| row(subject));
    world.set_roster(read_roster(rows, SERVER, &mxid("bot")));
    for room in world.rooms() {
        world.set_room_status(room, RoomStatus::Ready);
        for subject in members {
            world.set_membership(room, &mxid(subject), Membership::Join, None);
        }
    }
    for subject in members {
        world.set_account(&mxid(subject), Account::Active, None, false);
        world.set_on_server(&mxid(subject), OnServer { present: true, ..OnServer::default() });
    }
    world.set_accounts_listed(true);
    world
}

fn row(subject: &str) -> RosterRow {
    RosterRow { subject: Some(subject.into()), team: Some("staff".into()), role: Some("member".into()) }
}

fn planned(world: &World) -> Vec<(Kind, Option<String>, String)> {
    let plan = plan(world, &Recent::default());
    let room = |room: RoomIx| room.key(world).to_owned();
    let user = |user: UserIx| world.users.mxid(user);
    let words = |action: &Action| {
        (action.change.kind(), action.change.room().map(room), action.change.user().map(user).unwrap_or_default())
    };
    plan.actions.iter().map(words).collect()
}

#[test]
fn a_disabled_account_leaves_every_room_also_where_nobody_else_is_removed() {
    let mut world = world(Offboarding::Remove, &["a", "b"]);
    world.set_account(&mxid("b"), Account::Disabled, None, false);
    let b = mxid("b");
    assert_eq!(
        planned(&world),
        [(Kind::Remove, Some("red-room".into()), b.clone()), (Kind::Remove, Some("staff".into()), b.clone())]
    );
    world.set_account(&b, Account::Active, None, false);
    assert_eq!(planned(&world), []);
}

#[test]
fn offboarding_locks_or_deactivates_once_and_a_return_takes_only_our_own_lock_back() {
    for (offboarding, kind, closed, there) in [
        (Offboarding::Lock, Kind::LockAccount, Closed::Locked, OnServer { locked: true, ..present() }),
        (
            Offboarding::Deactivate,
            Kind::DeactivateAccount,
            Closed::Deactivated,
            OnServer { deactivated: true, ..present() },
        ),
    ] {
        let mut world = world(offboarding, &["a"]);
        let a = mxid("a");
        world.set_account(&a, Account::Deleted, None, false);
        assert_eq!(planned(&world)[0], (kind, None, a.clone()));
        world.set_on_server(&a, there);
        assert!(planned(&world).iter().all(|(its, ..)| *its == Kind::Remove), "closed once is enough");
        world.set_account(&a, Account::Active, None, false);
        assert_eq!(planned(&world), [], "a lock that somebody else set stays");
        world.set_account(&a, Account::Active, Some(closed), false);
        assert_eq!(planned(&world), [(Kind::CreateAccount, None, a.clone())]);
    }
}

#[test]
fn a_lock_whose_sessions_may_go_on_is_planned_again() {
    let mut world = world(Offboarding::Lock, &["a"]);
    let (a, locked) = (mxid("a"), OnServer { locked: true, ..present() });
    world.set_account(&a, Account::Deleted, Some(Closed::Locked), false);
    world.set_on_server(&a, locked);
    let locks = |world: &World| planned(world).iter().filter(|(kind, ..)| *kind == Kind::LockAccount).count();
    assert_eq!(locks(&world), 0);
    let user = world.intern(&a);
    world.set_sessions_remain(user, true);
    assert_eq!(locks(&world), 1);
    world.take_effect(&Change::LockAccount { user });
    assert_eq!(locks(&world), 0);
}

fn present() -> OnServer {
    OnServer { present: true, ..OnServer::default() }
}

#[test]
fn whoever_the_pool_does_not_know_is_not_joined_and_has_no_account_made() {
    let mut world = world(Offboarding::Remove, &["a"]);
    world.set_roster(read_roster([row("a"), row("forged")], SERVER, &mxid("bot")));
    assert_eq!(planned(&world), []);
    let unknown: Vec<String> = world.unknown_users().map(|user| world.users.mxid(user)).collect();
    assert_eq!(unknown, [mxid("forged")]);
    // Somebody who is in a room already may have signed up since the last listing: asked about before anything is taken.
    let staff = world.room_by_key("staff").expect("the policy has it");
    world.set_membership(staff, &mxid("forged"), Membership::Join, None);
    assert_eq!(planned(&world), []);
    let blocked = plan(&world, &Recent::default()).blocked;
    assert!(blocked.iter().any(|one| one.kind == Kind::Remove && one.because == Because::Unconfirmed), "{blocked:?}");
    world.set_account(&mxid("forged"), Account::Refused, None, false);
    assert_eq!(planned(&world), [(Kind::Remove, Some("staff".into()), mxid("forged"))]);
    // They may confirm their sign-up later: asked about for as long as they are named.
    let unknown: Vec<String> = world.unknown_users().map(|user| world.users.mxid(user)).collect();
    assert_eq!(unknown, [mxid("forged")]);
    world.set_roster(read_roster([row("a")], SERVER, &mxid("bot")));
    assert_eq!(world.unknown_users().count(), 0);
}

/// Somebody who signed up since the last listing and joined a public room, say: no source names them.
#[test]
fn a_member_whom_the_pool_was_not_asked_about_is_asked_for_before_they_are_removed() {
    let mut policy = policy(Offboarding::Remove);
    policy.rooms[0].unlisted = Unlisted::Remove;
    let mut world = world_of(policy, &["a"]);
    let red = world.room_by_key("red-room").expect("the policy has it");
    let mut planner = Planner::default();
    planner.plan(&mut world, &Recent::default());
    world.set_membership(red, &mxid("new"), Membership::Join, None);
    world.set_on_server(&mxid("new"), present());
    // Nobody of another server, and nobody whose name no pool could have.
    for never in ["@new:other.test".to_owned(), mxid("_irc_bot"), mxid("irc_New")] {
        world.set_membership(red, &never, Membership::Join, None);
        world.set_on_server(&never, present());
    }
    let gone: BTreeSet<String> = planned(&world).into_iter().map(|(.., user)| user).collect();
    assert_eq!(gone, BTreeSet::from([mxid("_irc_bot"), mxid("irc_New"), "@new:other.test".to_owned()]));
    assert_eq!(*planner.plan(&mut world, &Recent::default()), plan(&world, &Recent::default()));
    let asked: Vec<String> = world.unknown_users().map(|user| world.users.mxid(user)).collect();
    assert_eq!(asked, [mxid("new")]);
    for (says, goes) in [(Account::Active, false), (Account::Refused, true)] {
        world.set_account(&mxid("new"), says, None, false);
        assert_eq!(world.unknown_users().count(), 0);
        assert_eq!(planned(&world).into_iter().any(|(.., user)| user == mxid("new")), goes, "{says:?}");
    }
}

#[test]
fn subjects_of_the_pool_that_fold_are_left_alone() {
    let mut world = world(Offboarding::Lock, &["a"]);
    world.set_account(&mxid("a"), Account::Disabled, None, true);
    assert_eq!(planned(&world), []);
}

#[test]
fn a_pool_move_is_called_one() {
    let old = ["o1", "o2", "o3", "o4", "o5"];
    let new = ["n1", "n2", "n3", "n4", "n5"];
    let mut world = world(Offboarding::Remove, &old);
    world.set_roster(read_roster(new.map(row), SERVER, &mxid("bot")));
    for subject in new {
        world.set_account(&mxid(subject), Account::Active, None, false);
    }
    let plan = plan(&world, &Recent::default());
    assert_eq!(plan.pool_move, Some(PoolMove { roster: 5, arriving: 5, going: 5 }));
    // Once the new people are in, the plan is the same for the one who approves the rest.
    let mut recent = Recent::default();
    for (room, subject) in world.rooms().flat_map(|room| new.map(|subject| (room, subject))) {
        world.set_membership(room, &mxid(subject), Membership::Join, None);
        recent.joined.note(world.intern(&mxid(subject)), 2);
    }
    recent.joined.note(world.intern(&mxid("o1")), 1);
    assert_eq!(provisioner_policy::plan(&world, &recent).pool_move, plan.pool_move);
    // A user who was joined before those who go is not new.
    let mut before = recent.clone();
    before.joined.note(world.intern(&mxid("o1")), 3);
    assert_eq!(provisioner_policy::plan(&world, &before).pool_move, None);
    assert_eq!(provisioner_policy::plan(&world, &Recent::default()).pool_move, None);
    assert!(plan.view(&world).notices[0].contains("5 of the roster's 5 people"), "{:?}", plan.view(&world).notices);
    world.set_roster(read_roster(["n1", "n2", "o3", "o4", "o5"].map(row), SERVER, &mxid("bot")));
    assert_eq!(provisioner_policy::plan(&world, &Recent::default()).pool_move, None);
}

proptest! {
    /// Whatever the accounts are: with a pool that is not known whole nobody is removed and nobody's account is closed.
    #[test]
    fn nobody_goes_while_the_pool_is_not_known_whole(
        states in proptest::collection::vec(0..5u8, 6),
        unread in any::<bool>(),
        offboarding in prop_oneof![Just(Offboarding::Remove), Just(Offboarding::Lock), Just(Offboarding::Deactivate)],
    ) {
        let subjects = ["a", "b", "c", "d", "e", "f"];
        let mut world = world(offboarding, &subjects);
        for (subject, state) in subjects.iter().zip(&states) {
            let account = [Account::Unknown, Account::Active, Account::Disabled, Account::Deleted, Account::Refused];
            world.set_account(&mxid(subject), account[usize::from(*state)], None, false);
        }
        world.set_pool(if unread { SourceState::Unread } else { SourceState::Failing("throttled".into()) });
        let plan = plan(&world, &Recent::default());
        prop_assert!(plan.actions.iter().all(|action| action.change.takes() == 0), "{:?}", plan.actions);
    }
}

/// A world in which `b` of six is in the rooms and a server admin of level 50, by the roster and by a group.
fn with_power() -> World {
    let mut policy = policy(Offboarding::Remove);
    let staff = || vec![Selector::Team("staff".into()), Selector::Group("leads".into())];
    policy.rooms[1].members = staff();
    policy.rooms[1].power = vec![PowerGrant { level: 50, grant: staff() }];
    policy.server_admins = staff();
    (policy.modes.server_admins, policy.modes.power_levels) = (Mode::Enforce, Mode::Enforce);
    policy.guard = GuardLimits::default();
    let subjects = ["a", "b", "c", "d", "e", "f"];
    let mut world = world_of(policy, &subjects);
    world.set_group("leads", SourceState::Good, subjects.map(mxid).iter());
    let levels = subjects.map(|subject| (mxid(subject), 50)).into_iter().chain([(mxid("bot"), 100)]);
    let content = serde_json::json!({ "users": levels.collect::<std::collections::BTreeMap<_, _>>() });
    let staff = world.room_by_key("staff").expect("the policy has it");
    world.set_state(staff, POWER_LEVELS, StateEntry { content, sender: mxid("bot"), event_id: "$levels".into() });
    for subject in subjects {
        world.set_on_server(&mxid(subject), OnServer { admin: true, ..present() });
    }
    assert_eq!(planned(&world), []);
    world
}

/// What is due of what takes something from `b`, where the levels of others are not counted.
fn due_for_b(world: &World) -> Vec<Kind> {
    let plan = plan(world, &Recent::default());
    let b = world.users.get(&mxid("b")).expect("they are in the world");
    let taken = |action: &&Action| match &action.change {
        Change::SetPowerLevels { edits, .. } => edits.iter().map(PowerEdit::user).eq([Some(b)]),
        change => change.user() == Some(b),
    };
    plan.due().filter(taken).map(|action| action.change.kind()).collect()
}

#[test]
fn of_an_account_that_the_pool_has_closed_the_pools_word_is_enough() {
    let all = [Kind::RevokeServerAdmin, Kind::Remove, Kind::Remove, Kind::SetPowerLevels];
    type Trouble = (&'static str, fn(&mut World));
    let troubles: [Trouble; 6] = [
        ("the roster fails", |world| world.fail_roster("connection refused")),
        ("a row has no team", |world| {
            let rows = [row("a"), RosterRow { team: None, ..row("b") }];
            world.set_roster(read_roster(rows, SERVER, &mxid("bot")));
        }),
        ("the roster is empty", |world| world.set_roster(RosterReading::default())),
        ("a group fails", |world| world.set_group_state("leads", SourceState::Failing("throttled".into()))),
        ("a group is empty", |world| world.set_group("leads", SourceState::Good, std::iter::empty::<String>())),
        ("nobody is left", |world| {
            world.set_roster(RosterReading::default());
            world.set_group("leads", SourceState::Good, std::iter::empty::<String>());
        }),
    ];
    for (trouble, happens) in troubles {
        let mut world = with_power();
        happens(&mut world);
        for gone in [Account::Disabled, Account::Deleted] {
            world.set_account(&mxid("b"), gone, None, false);
            assert_eq!(due_for_b(&world), all, "{trouble}");
        }
        let plan = plan(&world, &Recent::default());
        let others = plan.due().filter(|action| action.change.takes() > 0).count();
        assert_eq!(others, all.len(), "{trouble}: nobody else loses anything: {:?}", plan.actions);
        world.set_pool(SourceState::Failing("throttled".into()));
        assert_eq!(due_for_b(&world), [], "{trouble}: the pool's word cannot be taken");
        let why = world.explain(world.users.get(&mxid("b")).unwrap(), &plan).rooms[1].because.clone();
        assert!(why.contains("the pool's listing cannot be read"), "{trouble}: {why}");
    }
}

/// The offboarding was changed from lock to deactivate: what is opened again is open, and not locked for ever.
#[test]
fn a_lock_of_ours_goes_with_the_deactivation_that_follows_it() {
    for (ours, is_left) in [(Some(Closed::Locked), false), (None, true)] {
        let mut world = world(Offboarding::Deactivate, &["a"]);
        let a = mxid("a");
        world.set_on_server(&a, OnServer { locked: true, ..present() });
        world.set_account(&a, Account::Disabled, ours, false);
        let carry_out = |world: &mut World| {
            let plan = plan(world, &Recent::default());
            plan.due().for_each(|action| world.take_effect(&action.change));
        };
        carry_out(&mut world);
        let user = world.users.get(&a).expect("they are in the world");
        assert!(world.mirror.accounts.get(user).deactivated);
        world.set_account(&a, Account::Active, Some(Closed::Deactivated), false);
        carry_out(&mut world);
        let there = world.mirror.accounts.get(user);
        assert_eq!((there.deactivated, there.locked), (false, is_left), "a lock that somebody else set stays");
        assert_eq!(planned(&world), []);
    }
}

/// `[cognito]` was taken out of the configuration, and what the pool said is in the store for ever.
#[test]
fn what_a_pool_said_that_is_configured_no_longer_takes_nothing_and_keeps_nobody_out() {
    for said in [Account::Disabled, Account::Deleted, Account::Refused] {
        for offboarding in [Offboarding::Remove, Offboarding::Lock, Offboarding::Deactivate] {
            let mut world = world(offboarding, &["a", "b"]);
            world.set_accounts_from(AccountsFrom::Named);
            world.set_account(&mxid("a"), said, None, false);
            world.set_account(&mxid("gone"), said, None, false);
            let red = world.room_by_key("red-room").expect("the policy has it");
            world.set_membership(red, &mxid("gone"), Membership::Join, None);
            world.set_on_server(&mxid("gone"), present());
            assert_eq!(planned(&world), [], "{said:?}: nobody is removed, not even from a room that keeps its members");
            world.set_membership(red, &mxid("a"), Membership::Removed, None);
            assert_eq!(
                planned(&world),
                [(Kind::Join, Some("red-room".into()), mxid("a"))],
                "{said:?}: the roster names them"
            );
            // A lock of ours stays until a source says that the account is active.
            world.set_on_server(&mxid("a"), OnServer { locked: true, ..present() });
            world.set_account(&mxid("a"), said, Some(Closed::Locked), false);
            assert_eq!(planned(&world), []);
            world.set_account(&mxid("a"), Account::Active, Some(Closed::Locked), false);
            assert_eq!(planned(&world)[0], (Kind::CreateAccount, None, mxid("a")));
        }
    }
}

/// An account of another application service, or an old one: no pool ever confirms such a name.
#[test]
fn a_selected_user_loses_nothing_for_a_name_that_could_not_be_registered() {
    let named = [Selector::Subject("_irc_bot".into())];
    for from in [AccountsFrom::Named, AccountsFrom::Pool] {
        let mut policy = policy(Offboarding::Remove);
        policy.rooms[1].members.extend(named.clone());
        policy.server_admins = named.to_vec();
        policy.modes.server_admins = Mode::Enforce;
        let mut world = World::new(policy);
        world.set_accounts_from(from);
        world.set_pool(SourceState::Good);
        world.set_roster(read_roster([row("a")], SERVER, &mxid("bot")));
        let staff = world.room_by_key("staff").expect("the policy has it");
        world.set_room_status(staff, RoomStatus::Ready);
        world.set_membership(staff, &mxid("_irc_bot"), Membership::Join, None);
        world.set_on_server(&mxid("_irc_bot"), OnServer { admin: true, ..present() });
        world.set_accounts_listed(true);
        let taken = planned(&world).into_iter().filter(|(.., user)| *user == mxid("_irc_bot"));
        assert_eq!(taken.collect::<Vec<_>>(), [], "{from:?}");
    }
}
