//! Users that the pool denied: what they got after that is taken once the pool has denied them again.

use provisioner_policy::*;

const SERVER: &str = "phenom.test";
const PRESENT: OnServer = OnServer { present: true, deactivated: false, locked: false, admin: false };

fn mxid(subject: &str) -> String {
    format!("@{subject}:{SERVER}")
}

/// The room and the flag of server admins are for team staff, of which the roster names `u` alone. The pool denied `u`, who had
/// nothing then.
fn denied() -> World {
    let (enforce, of_staff) = (Mode::Enforce, || vec![Selector::Team("staff".into())]);
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: mxid("bot"),
        rooms: vec![RoomPolicy::new("staff", format!("!staff:{SERVER}"), of_staff())],
        server_admins: of_staff(),
        modes: Modes { joins: enforce, removals: enforce, server_admins: enforce, ..Modes::default() },
        guard: GuardLimits { free_removals: 100, max_removals: 100, max_fraction: 1.0, ..GuardLimits::default() },
        ..Policy::default()
    });
    world.set_accounts_from(AccountsFrom::Pool);
    world.set_pool(SourceState::Good);
    let row = RosterRow { subject: Some("u".into()), team: Some("staff".into()), role: None };
    world.set_roster(read_roster([row], SERVER, &mxid("bot")));
    world.rooms().for_each(|room| world.set_room_status(room, RoomStatus::Ready));
    world.set_accounts_listed(true);
    is_said(&mut world, Account::Refused);
    world
}

/// The account store says this of `u`, once more or for the first time.
fn is_said(world: &mut World, account: Account) {
    world.set_account(&mxid("u"), account, None, false);
}

fn becomes(world: &mut World, membership: Membership) {
    let staff = world.room_by_key("staff").expect("the policy has it");
    world.set_membership(staff, &mxid("u"), membership, None);
}

/// A reading finds `u` in the room, as the first one after a start does.
fn is_found(world: &mut World) {
    let (staff, user) = (world.room_by_key("staff").expect("the policy has it"), world.intern(&mxid("u")));
    let mut fresh = RoomMirror::of_version("10".into());
    fresh.take_membership(user, Membership::Join, None);
    fresh.status = RoomStatus::Ready;
    world.set_room(staff, fresh);
}

/// What is due for `u`, and why something is blocked for them. Both planners say the same.
fn of(world: &mut World, planner: &mut Planner) -> (Vec<Kind>, Vec<Because>) {
    let recent = Recent::default();
    let plan = plan(world, &recent);
    assert_eq!(*planner.plan(world, &recent), plan);
    let user = world.users.get(&mxid("u"));
    let due = plan.due().filter(|action| action.change.user() == user).map(|action| action.change.kind());
    let blocked = plan.blocked.iter().filter(|one| Some(one.user) == user).map(|one| one.because);
    (due.collect(), blocked.collect())
}

#[test]
fn a_user_who_came_in_after_the_pool_denied_them_stays_until_it_denies_them_again() {
    type Way = (&'static str, fn(&mut World));
    let ways: [Way; 3] = [
        ("joined", |world| becomes(world, Membership::Join)),
        ("invited", |world| becomes(world, Membership::Invite)),
        ("found", is_found),
    ];
    for (way, come_in) in ways {
        let (mut world, mut planner) = (denied(), Planner::default());
        assert_eq!(of(&mut world, &mut planner), (vec![], vec![]), "{way}");
        come_in(&mut world);
        assert_eq!(of(&mut world, &mut planner), (vec![], vec![Because::Unconfirmed]), "{way}");
        is_said(&mut world, Account::Refused);
        assert_eq!(of(&mut world, &mut planner), (vec![Kind::Remove], vec![]), "{way}");
        is_said(&mut world, Account::Active);
        assert!(!of(&mut world, &mut planner).0.contains(&Kind::Remove), "{way}");
    }
}

/// Two of three denials were before that, and the account store knows of none.
#[test]
fn a_user_who_came_in_while_they_were_asked_for_is_asked_for_anew() {
    let mut world = denied();
    is_said(&mut world, Account::Unknown);
    assert_eq!(told(&mut world), Some(vec![("u".to_owned(), false)]));
    becomes(&mut world, Membership::Join);
    assert_eq!(told(&mut world), Some(vec![("u".to_owned(), true)]));
    is_said(&mut world, Account::Refused);
    let (due, _) = of(&mut world, &mut Planner::default());
    assert_eq!(due, [Kind::Remove]);
}

/// Who waits for the pool's word is asked for: a group that names somebody is a source like the roster.
#[test]
fn a_user_of_a_group_whose_denial_is_outdated_is_asked_for() {
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: mxid("bot"),
        server_admins: vec![Selector::Group("admins".into())],
        modes: Modes { server_admins: Mode::Enforce, ..Modes::default() },
        ..Policy::default()
    });
    world.set_accounts_from(AccountsFrom::Pool);
    world.set_pool(SourceState::Good);
    world.set_accounts_listed(true);
    world.set_group("admins", SourceState::Good, [mxid("u")].iter());
    is_said(&mut world, Account::Refused);
    world.set_on_server(&mxid("u"), OnServer { admin: true, ..PRESENT });
    assert_eq!(of(&mut world, &mut Planner::default()), (vec![], vec![Because::Unconfirmed]));
    assert_eq!(told(&mut world), Some(vec![("u".to_owned(), true)]));
    is_said(&mut world, Account::Refused);
    assert_eq!(of(&mut world, &mut Planner::default()), (vec![Kind::RevokeServerAdmin], vec![]));
    world.set_group("admins", SourceState::Good, std::iter::empty::<String>());
    assert_eq!(told(&mut world), Some(vec![]), "nobody names them any more");
}

#[test]
fn a_user_who_was_removed_and_comes_back_may_have_confirmed_since() {
    let (mut world, mut planner) = (denied(), Planner::default());
    for membership in [Membership::Join, Membership::Removed, Membership::Invite, Membership::Join] {
        let waits = matches!(membership, Membership::Join | Membership::Invite);
        becomes(&mut world, membership);
        let blocked = if waits { vec![Because::Unconfirmed] } else { vec![] };
        assert_eq!(of(&mut world, &mut planner), (vec![], blocked), "{membership:?}");
        is_said(&mut world, Account::Refused);
        let due = if waits { vec![Kind::Remove] } else { vec![] };
        assert_eq!(of(&mut world, &mut planner), (due, vec![]), "{membership:?}");
    }
}

#[test]
fn what_gives_nothing_outdates_no_denial() {
    let (mut world, mut planner) = (denied(), Planner::default());
    world.set_on_server(&mxid("u"), PRESENT);
    becomes(&mut world, Membership::Join);
    is_said(&mut world, Account::Refused);
    let changes: [fn(&mut World); 4] = [
        |world| becomes(world, Membership::Join),
        is_found,
        |world| world.set_on_server(&mxid("u"), OnServer { locked: true, ..PRESENT }),
        |world| world.rooms().for_each(|room| world.set_room_status(room, RoomStatus::Ready)),
    ];
    for change in changes {
        change(&mut world);
        assert_eq!(of(&mut world, &mut planner), (vec![Kind::Remove], vec![]));
    }
}

#[test]
fn a_flag_that_was_given_after_the_pool_denied_its_owner_stays_until_it_denies_them_again() {
    for known in [false, true] {
        let (mut world, mut planner) = (denied(), Planner::default());
        if known {
            world.set_on_server(&mxid("u"), PRESENT);
            is_said(&mut world, Account::Refused);
        }
        world.set_on_server(&mxid("u"), OnServer { admin: true, ..PRESENT });
        assert_eq!(of(&mut world, &mut planner), (vec![], vec![Because::Unconfirmed]));
        is_said(&mut world, Account::Refused);
        assert_eq!(of(&mut world, &mut planner), (vec![Kind::RevokeServerAdmin], vec![]));
    }
}

/// At a start nobody knows what came first. A process that only shows a plan asks the pool for nobody, and shows what is stored.
#[test]
fn a_plan_that_is_only_shown_takes_a_stored_denial_for_the_last_word() {
    let (mut world, mut planner) = (denied(), Planner::default());
    is_found(&mut world);
    assert_eq!(of(&mut world, &mut planner), (vec![], vec![Because::Unconfirmed]));
    // The service, which asks, sees both.
    let kinds = |plan: &Plan| plan.actions.iter().map(|action| action.change.kind()).collect::<Vec<_>>();
    let shown = world.trusting_denials(|world| plan(world, &Recent::default()));
    assert_eq!(shown.map(|plan| kinds(&plan)), Some(vec![Kind::Remove]));
    assert_eq!(of(&mut world, &mut planner), (vec![], vec![Because::Unconfirmed]));
    world.trust_denials();
    assert_eq!(of(&mut world, &mut planner), (vec![Kind::Remove], vec![]));
    assert!(world.trusting_denials(|_| ()).is_none(), "nothing looks otherwise");
}

/// The users to be asked for, and whether the pool's denial of each is outdated; `None` where that was told already.
fn told(world: &mut World) -> Option<Vec<(String, bool)>> {
    let told = |one: UnknownSubject| (one.subject, one.anew > 0);
    Some(world.take_unknown()?.into_iter().map(told).collect())
}

#[test]
fn users_to_be_asked_for_are_told_where_that_changed_and_not_otherwise() {
    let unknown = |subject: &str, outdated| Some(vec![(subject.to_owned(), outdated)]);
    let mut world = denied();
    let staff = world.room_by_key("staff").expect("the policy has it");
    assert_eq!(told(&mut world), unknown("u", false));
    // What happens to others, and what says nothing new.
    world.set_account(&mxid("a"), Account::Active, None, false);
    world.set_on_server(&mxid("a"), PRESENT);
    world.set_membership(staff, &mxid("a"), Membership::Join, None);
    is_said(&mut world, Account::Refused);
    assert_eq!(told(&mut world), None);

    becomes(&mut world, Membership::Join);
    assert_eq!(told(&mut world), unknown("u", true));
    world.set_on_server(&mxid("u"), PRESENT);
    assert_eq!(told(&mut world), unknown("u", true), "what they are being asked for may be older");
    world.set_on_server(&mxid("u"), PRESENT);
    assert_eq!(told(&mut world), None);
    is_said(&mut world, Account::Refused);
    assert_eq!(told(&mut world), unknown("u", false));

    // No source names them any more, and the pool's word stands.
    world.set_roster(read_roster(Vec::<RosterRow>::new(), SERVER, &mxid("bot")));
    assert_eq!(told(&mut world), Some(vec![]));
    world.set_on_server(&mxid("guest"), PRESENT);
    assert_eq!(told(&mut world), None);
    world.set_membership(staff, &mxid("guest"), Membership::Join, None);
    assert_eq!(told(&mut world), unknown("guest", false));
    world.set_account(&mxid("guest"), Account::Active, None, false);
    assert_eq!(told(&mut world), Some(vec![]));
}

#[test]
fn each_time_that_a_denial_is_outdated_it_is_told_by_a_greater_number() {
    let mut world = denied();
    let mut before = 0;
    for is_asked_again in [true, false] {
        for membership in [Membership::Invite, Membership::Removed, Membership::Join] {
            becomes(&mut world, membership);
            if membership == Membership::Removed {
                continue;
            }
            let unknown = world.take_unknown().expect("it changed");
            assert!(unknown[0].anew > before, "{unknown:?}");
            before = unknown[0].anew;
            if is_asked_again {
                is_said(&mut world, Account::Refused);
            }
        }
        becomes(&mut world, Membership::Removed);
    }
}
