//! Who keeps what they have: accounts in doubt, accounts that others closed, and what is not known yet.

use provisioner_policy::*;

const SERVER: &str = "phenom.test";
const PRESENT: OnServer = OnServer { present: true, deactivated: false, locked: false, admin: false };

fn mxid(subject: &str) -> String {
    format!("@{subject}:{SERVER}")
}

/// `staff` removes who is not listed, `club` keeps them; the guard lets everything go.
fn policy() -> Policy {
    let room = |key: &str, unlisted| RoomPolicy {
        unlisted,
        ..RoomPolicy::new(key, format!("!{key}:{SERVER}"), vec![Selector::Team("staff".into())])
    };
    let enforce = Mode::Enforce;
    Policy {
        server_name: SERVER.into(),
        bot: mxid("bot"),
        rooms: vec![room("staff", Unlisted::Remove), room("club", Unlisted::Keep)],
        modes: Modes {
            accounts: enforce,
            joins: enforce,
            removals: enforce,
            server_admins: enforce,
            ..Modes::default()
        },
        guard: GuardLimits { free_removals: 100, max_removals: 100, max_fraction: 1.0, ..GuardLimits::default() },
        offboarding: Offboarding::Lock,
        ..Policy::default()
    }
}

/// A world whose roster names `rows`, with `members` in `staff`, all with accounts.
fn world_of(policy: Policy, rows: &[&str], members: &[&str]) -> World {
    let mut world = World::new(policy);
    let row = |subject: &&str| RosterRow { subject: Some((*subject).into()), team: Some("staff".into()), role: None };
    world.set_roster(read_roster(rows.iter().map(row), SERVER, &mxid("bot")));
    world.rooms().for_each(|room| world.set_room_status(room, RoomStatus::Ready));
    for subject in members {
        world.set_on_server(&mxid(subject), PRESENT);
        let staff = world.room_by_key("staff").expect("the policy has it");
        world.set_membership(staff, &mxid(subject), Membership::Join, None);
    }
    world.set_accounts_listed(true);
    world
}

fn world(rows: &[&str], members: &[&str]) -> World {
    world_of(policy(), rows, members)
}

/// With a pool that was listed whole and knows `active`.
fn with_a_pool(mut world: World, active: &[&str]) -> World {
    world.set_accounts_from(AccountsFrom::Pool);
    world.set_pool(SourceState::Good);
    active.iter().for_each(|subject| world.set_account(&mxid(subject), Account::Active, None, false));
    world
}

/// What is due for somebody, and why something is blocked for them.
fn of(world: &World, subject: &str) -> (Vec<Kind>, Vec<Because>) {
    let (plan, user) = (plan(world, &Recent::default()), world.users.get(&mxid(subject)));
    let due = plan.due().filter(|action| action.change.user() == user).map(|action| action.change.kind());
    let blocked = plan.blocked.iter().filter(|one| Some(one.user) == user).map(|one| one.because);
    (due.collect(), blocked.collect())
}

#[test]
fn the_pool_is_asked_only_about_those_who_would_be_removed() {
    let mut world = with_a_pool(world(&["a"], &["a"]), &["a"]);
    let rooms: Vec<RoomIx> = world.rooms().collect();
    world.set_on_server(&mxid("guest"), PRESENT);
    world.set_membership(rooms[1], &mxid("guest"), Membership::Join, None);
    assert_eq!(world.unknown_users().count(), 0, "the club keeps everybody");
    world.set_membership(rooms[0], &mxid("guest"), Membership::Join, None);
    assert_eq!(world.unknown_users().count(), 1);
    assert_eq!(of(&world, "guest"), (vec![], vec![Because::Unconfirmed]));
}

#[test]
fn of_who_is_named_twice_nothing_is_concluded_and_of_the_others_it_is() {
    let world = world(&["a", "A", "b"], &["a", "b", "c"]);
    assert_eq!(of(&world, "a"), (vec![], vec![Because::Folded]), "they stay in staff, and join no club");
    assert_eq!(of(&world, "b"), (vec![Kind::Join], vec![]));
    assert_eq!(of(&world, "c"), (vec![Kind::Remove], vec![]));
}

#[test]
fn a_flag_of_who_is_named_twice_stays_and_is_not_given() {
    let mut policy = policy();
    policy.server_admins = vec![Selector::Subject("a".into())];
    for (admin, blocked) in [(true, vec![]), (false, vec![Because::Folded])] {
        let mut world = world_of(Policy { rooms: vec![], ..policy.clone() }, &["a", "A"], &[]);
        world.set_on_server(&mxid("a"), OnServer { admin, ..PRESENT });
        assert_eq!(of(&world, "a"), (vec![], blocked));
    }
}

#[test]
fn no_flag_is_taken_before_the_accounts_are_listed() {
    let server_admins = vec![Selector::Team("staff".into())];
    let mut world = world_of(Policy { server_admins, ..policy() }, &["a"], &[]);
    world.set_on_server(&mxid("b"), OnServer { admin: true, ..PRESENT });
    world.set_accounts_listed(false);
    assert_eq!(of(&world, "b"), (vec![], vec![]));
    world.set_accounts_listed(true);
    assert_eq!(of(&world, "b"), (vec![Kind::RevokeServerAdmin], vec![]));
}

#[test]
fn a_locked_account_is_joined_only_where_the_same_plan_opens_it() {
    let given = |ours, accounts| {
        let mut policy = policy();
        policy.modes.accounts = accounts;
        let mut world = with_a_pool(world_of(policy, &["a"], &[]), &[]);
        world.set_account(&mxid("a"), Account::Active, ours, false);
        world.set_on_server(&mxid("a"), OnServer { locked: true, ..PRESENT });
        of(&world, "a")
    };
    let blocked = vec![Because::Locked; 2];
    let ours = Some(Closed::Locked);
    assert_eq!(given(ours, Mode::Enforce), (vec![Kind::CreateAccount, Kind::Join, Kind::Join], vec![]));
    assert_eq!(given(ours, Mode::Observe), (vec![], blocked.clone()), "nobody opens it");
    assert_eq!(given(None, Mode::Enforce), (vec![], blocked), "somebody else locked it");
}

#[test]
fn nobody_is_joined_for_an_account_that_is_only_observed() {
    let given = |accounts, joins| {
        let mut policy = policy();
        (policy.modes.accounts, policy.modes.joins) = (accounts, joins);
        let world = world_of(policy, &["a"], &[]);
        let plan = plan(&world, &Recent::default());
        (plan.due().count(), plan.actions.len(), of(&world, "a").1)
    };
    assert_eq!(given(Mode::Enforce, Mode::Enforce), (3, 3, vec![]));
    assert_eq!(given(Mode::Observe, Mode::Enforce), (0, 1, vec![Because::AccountMissing; 2]));
    assert_eq!(given(Mode::Observe, Mode::Observe), (0, 3, vec![]), "it says what enforcing everything would do");
}

#[test]
fn while_the_pool_cannot_be_read_accounts_are_made_and_none_is_closed() {
    let mut world = with_a_pool(world(&[], &["gone"]), &["new"]);
    world.set_account(&mxid("gone"), Account::Deleted, None, false);
    assert_eq!(of(&world, "gone"), (vec![Kind::LockAccount, Kind::Remove], vec![]));
    world.set_pool(SourceState::Failing("throttled".into()));
    assert_eq!(of(&world, "gone"), (vec![], vec![Because::Frozen; 2]));
    assert_eq!(of(&world, "new"), (vec![Kind::CreateAccount], vec![]));
}

#[test]
fn a_lock_of_ours_is_taken_back_only_while_it_is_there_and_nothing_else_is() {
    for (there, due) in [
        (OnServer { locked: true, ..PRESENT }, vec![Kind::CreateAccount]),
        (PRESENT, vec![]),
        (OnServer { locked: true, deactivated: true, ..PRESENT }, vec![]),
    ] {
        let mut world = with_a_pool(world(&[], &[]), &[]);
        world.set_account(&mxid("a"), Account::Active, Some(Closed::Locked), false);
        world.set_on_server(&mxid("a"), there);
        assert_eq!(of(&world, "a").0, due, "{there:?}");
    }
}

#[test]
fn who_a_group_names_is_not_somebody_that_nobody_knows() {
    let mut world = world(&["a"], &["b", "c"]);
    world.set_group("others", SourceState::Good, [mxid("b")].iter());
    let plan = plan(&world, &Recent::default());
    let removed = plan.due().filter(|action| action.change.kind() == Kind::Remove).map(|action| action.because);
    assert_eq!(removed.collect::<Vec<_>>(), [Because::NotEntitled, Because::NobodyKnows]);
}

/// A flag that is given counts on an account that the same plan makes or opens, and only where that is enforced.
#[test]
fn a_flag_is_given_for_no_account_that_is_only_observed() {
    let given = |accounts, ours, there| {
        let mut policy = Policy { rooms: vec![], server_admins: vec![Selector::Team("staff".into())], ..policy() };
        policy.modes.accounts = accounts;
        let mut world = with_a_pool(world_of(policy, &["a"], &[]), &[]);
        world.set_account(&mxid("a"), Account::Active, ours, false);
        world.set_on_server(&mxid("a"), there);
        of(&world, "a")
    };
    let (missing, ours) = (OnServer::default(), Some(Closed::Deactivated));
    let deactivated = OnServer { deactivated: true, ..PRESENT };
    let both = vec![Kind::CreateAccount, Kind::GrantServerAdmin];
    assert_eq!(given(Mode::Enforce, None, missing), (both.clone(), vec![]));
    assert_eq!(given(Mode::Observe, None, missing), (vec![], vec![Because::AccountMissing]));
    assert_eq!(given(Mode::Enforce, ours, deactivated), (both, vec![]));
    assert_eq!(given(Mode::Observe, ours, deactivated), (vec![], vec![Because::Deactivated]));
    // Who has it keeps it when a lock is taken back.
    let locked = OnServer { locked: true, admin: true, ..PRESENT };
    assert_eq!(given(Mode::Enforce, Some(Closed::Locked), locked), (vec![Kind::CreateAccount], vec![]));
}

#[test]
fn while_the_pool_cannot_be_read_a_flag_for_everyone_is_given_to_nobody() {
    let mut policy = Policy { rooms: vec![], server_admins: vec![Selector::Everyone], ..policy() };
    policy.modes.accounts = Mode::Observe;
    let mut world = with_a_pool(world_of(policy, &[], &[]), &["a"]);
    world.set_on_server(&mxid("a"), PRESENT);
    assert_eq!(of(&world, "a"), (vec![Kind::GrantServerAdmin], vec![]));
    world.set_pool(SourceState::Failing("throttled".into()));
    assert_eq!(of(&world, "a"), (vec![], vec![Because::AdminSelectorUnreadable(0)]));
}

#[test]
fn before_the_accounts_are_listed_only_who_is_known_to_have_one_is_joined() {
    for (there, expected) in
        [(OnServer::default(), (vec![], vec![Because::AccountsUnlisted; 2])), (PRESENT, (vec![Kind::Join; 2], vec![]))]
    {
        let mut world = world(&["a"], &[]);
        world.set_accounts_listed(false);
        world.set_on_server(&mxid("a"), there);
        assert_eq!(of(&world, "a"), expected);
    }
}

#[test]
fn a_subject_in_capitals_alone_is_named_once() {
    let world = world(&["ADA"], &["ada"]);
    assert_eq!(of(&world, "ada"), (vec![Kind::Join], vec![]), "they join the club");
}
