//! Server admins, over random worlds: a plan carried out leaves nothing, nobody exempt is ever touched, and while a source
//! cannot be relied on nobody loses the flag and nobody gains it by that source.

use proptest::prelude::*;
use provisioner_policy::*;

use crate::plan_once_carried_out;

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";
const EXEMPT: &str = "@u0:phenom.test";
const GROUP: &str = "nest-admin";

/// How a group's listing stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Listing {
    Good,
    Failing,
    Never,
}

#[derive(Clone, Debug)]
struct Given {
    rows: Vec<RosterRow>,
    group: Vec<u8>,
    listing: Listing,
    on_server: Vec<(u8, OnServer)>,
    selectors: Vec<Selector>,
    roster_fails: bool,
    accounts: Mode,
}

fn mxid(number: u8) -> String {
    format!("@u{number}:{SERVER}")
}

fn world(given: &Given) -> World {
    let ample = GuardLimits { free_removals: 1000, max_removals: 1000, max_fraction: 1.0, ..GuardLimits::default() };
    guarded_world(given, ample)
}

fn guarded_world(given: &Given, guard: GuardLimits) -> World {
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: BOT.into(),
        exempt: vec![EXEMPT.into()],
        server_admins: given.selectors.clone(),
        modes: Modes { accounts: given.accounts, server_admins: Mode::Enforce, ..Modes::default() },
        guard,
        ..Policy::default()
    });
    world.set_roster(read_roster(given.rows.clone(), SERVER, BOT));
    if given.roster_fails {
        world.fail_roster("connection refused");
    }
    let members = || given.group.iter().map(|user| mxid(*user));
    match given.listing {
        Listing::Never => {}
        Listing::Good => world.set_group(GROUP, SourceState::Good, members()),
        Listing::Failing => world.set_group(GROUP, SourceState::Failing("throttled".into()), members()),
    }
    for (user, state) in &given.on_server {
        world.set_on_server(&mxid(*user), *state);
    }
    world.set_on_server(BOT, OnServer { present: true, admin: true, ..OnServer::default() });
    world.set_accounts_listed(true);
    world
}

fn selector() -> impl Strategy<Value = Selector> {
    prop_oneof![
        Just(Selector::Group(GROUP.into())),
        Just(Selector::Team("staff".into())),
        Just(Selector::TeamRole { team: "staff".into(), role: "lead".into() }),
        (0..12u8).prop_map(|user| Selector::Subject(format!("u{user}"))),
    ]
}

fn given() -> impl Strategy<Value = Given> {
    let row = (
        prop_oneof![9 => "[uU][0-9]".prop_map(Some), 1 => Just(None)],
        "(staff|analysts)".prop_map(Some),
        "(lead|member)".prop_map(Some),
    )
        .prop_map(|(subject, team, role)| RosterRow { subject, team, role });
    let on_server = (0..12u8, any::<[bool; 4]>()).prop_map(|(user, [absent, deactivated, locked, admin])| {
        let present = !(absent && locked);
        (
            user,
            OnServer {
                present,
                deactivated: present && deactivated && locked,
                locked: present && locked,
                admin: present && admin,
            },
        )
    });
    (
        proptest::collection::vec(row, 0..12),
        proptest::collection::vec(0..12u8, 0..5),
        prop_oneof![3 => Just(Listing::Good), 1 => Just(Listing::Failing), 1 => Just(Listing::Never)],
        proptest::collection::btree_map(0..12u8, on_server.prop_map(|(_, state)| state), 0..12),
        proptest::collection::vec(selector(), 0..4),
        proptest::bool::weighted(0.2),
        prop_oneof![Just(Mode::Observe), Just(Mode::Enforce)],
    )
        .prop_map(|(rows, group, listing, on_server, selectors, roster_fails, accounts)| Given {
            rows,
            group,
            listing,
            on_server: on_server.into_iter().collect(),
            selectors,
            roster_fails,
            accounts,
        })
}

fn of_admins(plan: &Plan) -> impl Iterator<Item = &Action> {
    plan.actions.iter().filter(|action| action.change.class() == Class::ServerAdmins)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_plan_carried_out_leaves_nothing_due(given in given()) {
        let second = plan_once_carried_out(&mut world(&given));
        prop_assert_eq!(second.due().collect::<Vec<_>>(), Vec::<&Action>::new());
    }

    #[test]
    fn neither_the_bot_nor_the_exempt_are_ever_touched(given in given()) {
        let world = world(&given);
        for action in of_admins(&plan(&world, &Recent::default())) {
            prop_assert!(!world.is_exempt(action.change.user().unwrap()), "{:?}", action.view(&world));
        }
    }

    #[test]
    fn a_source_that_cannot_be_relied_on_takes_no_flag_and_gives_none(given in given()) {
        let world = world(&given);
        let plan = plan(&world, &Recent::default());
        let uses = |wanted: fn(&Selector) -> bool| given.selectors.iter().any(wanted);
        let group_is_good = given.listing == Listing::Good || !uses(|one| matches!(one, Selector::Group(_)));
        let roster_is_good = !given.roster_fails
            && given.rows.iter().all(|row| row.subject.is_some() || row.team.as_deref() != Some("staff"))
            || !uses(|one| matches!(one, Selector::Team(_) | Selector::TeamRole { .. }));
        for action in of_admins(&plan) {
            let user = action.change.user().unwrap();
            match action.change {
                Change::RevokeServerAdmin { .. } => prop_assert!(group_is_good && roster_is_good),
                _ => {
                    // Some selector that can be relied on names them.
                    let named = given.selectors.iter().any(|selector| match selector {
                        Selector::Group(_) => {
                            given.listing == Listing::Good && given.group.iter().any(|one| mxid(*one) == world.users.mxid(user))
                        }
                        Selector::Team(_) | Selector::TeamRole { .. } => {
                            !given.roster_fails && world.facts.teams.contains(user)
                        }
                        Selector::Subject(subject) => subject == world.users.key(user),
                        Selector::Everyone => false,
                    });
                    prop_assert!(named, "{:?}", action.view(&world));
                }
            }
        }
    }

    #[test]
    fn without_selectors_no_flag_is_touched(mut given in given()) {
        given.selectors.clear();
        prop_assert_eq!(of_admins(&plan(&world(&given), &Recent::default())).count(), 0);
    }

    #[test]
    fn whoever_is_named_by_two_subjects_keeps_what_they_have(given in given()) {
        let world = world(&given);
        for action in of_admins(&plan(&world, &Recent::default())) {
            prop_assert!(!world.facts.folded.contains(&action.change.user().unwrap()));
        }
    }
}

fn quiet() -> Given {
    Given {
        rows: vec![],
        group: vec![],
        listing: Listing::Good,
        on_server: vec![],
        selectors: vec![Selector::Group(GROUP.into())],
        roster_fails: false,
        accounts: Mode::Enforce,
    }
}

const PRESENT: OnServer = OnServer { present: true, deactivated: false, locked: false, admin: false };

#[test]
fn an_account_in_no_state_to_be_an_admin_is_shown_with_the_reason() {
    let states = [
        (OnServer { deactivated: true, ..PRESENT }, Because::Deactivated),
        (OnServer { locked: true, ..PRESENT }, Because::Locked),
        (OnServer { present: false, ..PRESENT }, Because::AccountMissing),
    ];
    for (state, because) in states {
        let given = Given { group: vec![1], on_server: vec![(1, state)], accounts: Mode::Observe, ..quiet() };
        let plan = plan(&world(&given), &Recent::default());
        assert_eq!((plan.actions.len(), plan.blocked.len()), (0, 1));
        assert_eq!((plan.blocked[0].kind, plan.blocked[0].because), (Kind::GrantServerAdmin, because));
    }
}

#[test]
fn a_deactivated_account_that_is_no_longer_named_loses_the_flag_too() {
    let state = OnServer { deactivated: true, admin: true, ..PRESENT };
    let plan = plan(&world(&Given { on_server: vec![(1, state)], ..quiet() }), &Recent::default());
    assert!(matches!(plan.actions[..], [Action { change: Change::RevokeServerAdmin { .. }, .. }]));
}

#[test]
fn an_unreadable_group_freezes_the_others_and_is_named_in_both_reasons() {
    let admin = OnServer { admin: true, ..PRESENT };
    let given = Given {
        group: vec![1],
        listing: Listing::Failing,
        on_server: vec![(1, PRESENT), (2, admin), (3, PRESENT)],
        selectors: vec![Selector::Group(GROUP.into()), Selector::Subject("u3".into())],
        ..quiet()
    };
    let world = world(&given);
    let view = plan(&world, &Recent::default()).view(&world);
    let done: Vec<_> = view.actions.iter().map(|one| (one.kind, one.user.as_deref())).collect();
    assert_eq!(done, [(Kind::GrantServerAdmin, Some("@u3:phenom.test"))], "the healthy selector goes on");
    let blocked: Vec<_> = view.blocked.iter().map(|one| (one.kind, one.user.as_str())).collect();
    assert_eq!(blocked, [(Kind::GrantServerAdmin, "@u1:phenom.test"), (Kind::RevokeServerAdmin, "@u2:phenom.test")]);
    assert!(view.blocked.iter().all(|one| one.because.contains("throttled")), "{:#?}", view.blocked);
    let explained =
        world.explain(world.users.get("@u2:phenom.test").unwrap(), &plan(&world, &Recent::default())).server_admin;
    assert!(!explained.desired && explained.observed && explained.because.contains("throttled"), "{explained:?}");
}

#[test]
fn an_account_that_the_plan_makes_is_granted_in_the_same_plan() {
    let row = RosterRow { subject: Some("u1".into()), team: Some("staff".into()), role: Some("lead".into()) };
    let given = Given { rows: vec![row], selectors: vec![Selector::Team("staff".into())], ..quiet() };
    let plan = plan(&world(&given), &Recent::default());
    let kinds: Vec<Kind> = plan.due().map(|action| action.change.kind()).collect();
    assert_eq!(kinds, [Kind::CreateAccount, Kind::GrantServerAdmin]);
}

#[test]
fn a_flag_that_is_only_counted_is_promised_to_nobody() {
    let admin = OnServer { admin: true, ..PRESENT };
    let given = Given { group: vec![1], on_server: vec![(1, PRESENT), (2, admin)], ..quiet() };
    let cases = [
        (
            Mode::Observe,
            ["would be granted, and server admins", "would be revoked, and server admins"],
            "are only counted",
        ),
        (Mode::Enforce, ["will be granted", "will be revoked"], "at the next pass"),
    ];
    for (mode, begins, when) in cases {
        let mut world = world(&given);
        world.adjust(|policy| policy.modes.server_admins = mode);
        for (user, begins) in [1, 2].into_iter().zip(begins) {
            let because = said_of_the_flag(&world, user);
            assert!(because.starts_with(&format!("{begins} {when}: ")), "{because}");
        }
    }
}

#[test]
fn of_flags_that_are_not_known_nothing_is_promised() {
    let given = Given { group: vec![1], on_server: vec![(1, PRESENT)], ..quiet() };
    let mut world = world(&given);
    world.set_accounts_listed(false);
    assert!(plan(&world, &Recent::default()).is_empty());
    assert_eq!(said_of_the_flag(&world, 1), "Synapse's accounts could not be listed yet");
}

/// What `explain` says of a user's flag.
fn said_of_the_flag(world: &World, number: u8) -> String {
    let user = world.users.get(&mxid(number)).expect("they are in the world");
    world.explain(user, &plan(world, &Recent::default())).server_admin.because
}

#[test]
fn revoking_many_at_once_is_held_and_granting_goes_on() {
    let admin = OnServer { admin: true, ..PRESENT };
    let given = Given {
        group: vec![9],
        on_server: (1..6).map(|user| (user, admin)).chain([(9, PRESENT)]).collect(),
        ..quiet()
    };
    let world = guarded_world(&given, GuardLimits::default());
    let plan = plan(&world, &Recent::default());
    assert_eq!(plan.due().map(|one| one.change.kind()).collect::<Vec<_>>(), [Kind::GrantServerAdmin]);
    assert_eq!(plan.held().count(), 5);
    let because = said_of_the_flag(&world, 1);
    assert!(
        because.starts_with("will be revoked once somebody approves it, and not before (`plan` says why): "),
        "{because}"
    );
    assert!(
        plan.held()
            .all(|one| one.held
                == Some(HoldReason::Fraction { class: Class::ServerAdmins, taken: 5, earlier: 0, of: 6 }))
    );
}
