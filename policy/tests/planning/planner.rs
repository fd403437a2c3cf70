//! The planner's promises, over random worlds: a plan carried out leaves nothing to plan, the order in which things were
//! learnt does not matter, nobody exempt is ever touched, and nobody is removed on poor knowledge.

use proptest::prelude::*;
use provisioner_policy::*;

use crate::plan_once_carried_out;

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";
const EXEMPT: &str = "@u0:phenom.test";

#[derive(Clone, Debug)]
struct Given {
    rows: Vec<RosterRow>,
    /// (room, user number, membership)
    members: Vec<(usize, u8, Membership)>,
    on_server: Vec<(u8, OnServer)>,
    modes: Modes,
    rejoin: bool,
    roster_fails: bool,
}

fn mxid(number: u8) -> String {
    // A few users of another server, which no source can name.
    if number >= 14 { format!("@u{number}:other.test") } else { format!("@u{number}:{SERVER}") }
}

fn policy(given: &Given, guard: GuardLimits) -> Policy {
    let room = |key: &str, members: Vec<Selector>, unlisted| RoomPolicy {
        unlisted,
        on_leave: if given.rejoin { OnLeave::Rejoin } else { OnLeave::Respect },
        ..RoomPolicy::new(key, format!("!{key}:{SERVER}"), members)
    };
    let team = |name: &str| Selector::Team(name.into());
    Policy {
        server_name: SERVER.into(),
        bot: BOT.into(),
        exempt: vec![EXEMPT.into()],
        rooms: vec![
            room("red-room", vec![Selector::Everyone], Unlisted::Keep),
            room("staff", vec![team("staff"), Selector::Subject("u1".into())], Unlisted::Remove),
            room(
                "leads",
                vec![Selector::TeamRole { team: "staff".into(), role: "lead".into() }, team("analysts")],
                Unlisted::Remove,
            ),
        ],
        modes: given.modes,
        guard,
        ..Policy::default()
    }
}

fn world(given: &Given) -> World {
    guarded_world(given, GuardLimits { max_removals: 1000, max_fraction: 1.0, ..GuardLimits::default() })
}

fn guarded_world(given: &Given, guard: GuardLimits) -> World {
    let mut world = World::new(policy(given, guard));
    world.set_roster(read_roster(given.rows.clone(), SERVER, BOT));
    if given.roster_fails {
        world.fail_roster("connection refused");
    }
    for room in world.rooms() {
        world.set_room_status(room, RoomStatus::Ready);
    }
    for (room, user, membership) in &given.members {
        let room = world.rooms().nth(*room).expect("a room of the policy");
        world.set_membership(room, &mxid(*user), *membership, Some("$left"));
    }
    for (user, state) in &given.on_server {
        world.set_on_server(&mxid(*user), *state);
    }
    world.set_accounts_listed(true);
    world
}

fn membership() -> impl Strategy<Value = Membership> {
    prop_oneof![
        1 => Just(Membership::Invite),
        4 => Just(Membership::Join),
        1 => Just(Membership::Removed),
        1 => Just(Membership::Left),
        1 => Just(Membership::Ban),
        1 => Just(Membership::Knock),
    ]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![1 => Just(Mode::Observe), 3 => Just(Mode::Enforce)]
}

fn given() -> impl Strategy<Value = Given> {
    let row = (
        prop_oneof![9 => "[uU][0-9]{1,2}".prop_map(Some), 1 => Just(None), 1 => Just(Some("not an id".to_owned()))],
        prop_oneof![9 => "(staff|analysts|other)".prop_map(Some), 1 => Just(None)],
        prop_oneof![9 => "(lead|member)".prop_map(Some), 1 => Just(None)],
    )
        .prop_map(|(subject, team, role)| RosterRow { subject, team, role });
    let on_server = (0..14u8, any::<[bool; 4]>()).prop_map(|(user, [present, deactivated, locked, admin])| {
        (user, OnServer { present, deactivated: present && deactivated && locked, locked: present && locked, admin })
    });
    (
        proptest::collection::vec(row, 0..20),
        proptest::collection::btree_map((0..3usize, 0..18u8), membership(), 0..30),
        proptest::collection::btree_map(0..14u8, on_server, 0..14),
        (mode(), mode(), mode()),
        any::<bool>(),
        proptest::bool::weighted(0.1),
    )
        .prop_map(|(rows, members, on_server, (accounts, joins, removals), rejoin, roster_fails)| Given {
            rows,
            members: members.into_iter().map(|((room, user), membership)| (room, user, membership)).collect(),
            on_server: on_server.into_iter().map(|(user, (_, state))| (user, state)).collect(),
            modes: Modes { accounts, joins, removals, ..Modes::default() },
            rejoin,
            roster_fails,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_plan_carried_out_leaves_nothing_due(given in given()) {
        let second = plan_once_carried_out(&mut world(&given));
        prop_assert_eq!(second.due().collect::<Vec<_>>(), Vec::<&Action>::new());
        prop_assert_eq!(second.cleared_leaves, vec![]);
    }

    #[test]
    fn the_order_in_which_things_were_learnt_does_not_matter(given in given()) {
        let mut reversed = given.clone();
        reversed.rows.reverse();
        reversed.members.reverse();
        reversed.on_server.reverse();
        let (one, other) = (world(&given), world(&reversed));
        prop_assert_eq!(plan(&one, &Recent::default()).view(&one), plan(&other, &Recent::default()).view(&other));
    }

    #[test]
    fn nobody_exempt_is_ever_touched(given in given()) {
        let world = world(&given);
        let plan = plan(&world, &Recent::default());
        for action in &plan.actions {
            prop_assert!(action.change.user().is_none_or(|user| !world.is_exempt(user)), "{:?}", action.view(&world));
        }
    }

    #[test]
    fn nobody_is_removed_from_a_room_whose_sources_are_poor(given in given()) {
        let world = world(&given);
        for action in plan(&world, &Recent::default()).due() {
            if let Change::Remove { room, user, .. } = action.change {
                prop_assert!(!given.roster_fails && world.freeze(room).is_none());
                prop_assert!(!world.facts.folded.contains(&user));
                prop_assert_eq!(world.entitlement(room, user), Entitlement::Not);
                prop_assert!(world.facts.roster_rows > 0);
            }
        }
    }

    #[test]
    fn nobody_banned_or_gone_by_choice_is_joined(given in given()) {
        let world = world(&given);
        for action in plan(&world, &Recent::default()).due() {
            if let Change::Join { room, user, before } = action.change {
                prop_assert_ne!(before, Membership::Ban);
                prop_assert!(given.rejoin || world.room(room).voluntary_leave(user).is_none());
                prop_assert!(matches!(world.entitlement(room, user), Entitlement::By(_)));
            }
        }
    }

    #[test]
    fn removals_past_the_limit_are_all_held_and_joins_go_on(given in given(), recent in 0..8u32) {
        let guard = GuardLimits { free_removals: 1, max_removals: 3, max_fraction: 0.4, window_seconds: 60 };
        let world = guarded_world(&given, guard);
        let room = world.rooms().nth(1).unwrap();
        let recent =
            Recent { taken: [((Class::Removals, Some(room)), recent)].into_iter().collect(), ..Recent::default() };
        let plan = plan(&world, &recent);
        let removals = |held: bool| {
            plan.actions.iter().filter(|one| one.change.kind() == Kind::Remove && one.held.is_some() == held).count()
        };
        let before: u32 = recent.taken.values().sum();
        prop_assert!(removals(false) == 0 || removals(false) + removals(true) + before as usize <= 3);
        for action in plan.actions.iter().filter(|action| action.held.is_some()) {
            prop_assert_eq!(action.change.kind(), Kind::Remove);
        }
    }
}

/// A short answer shows the first few notices.
#[test]
fn what_cannot_be_read_is_noticed_before_single_rows() {
    let staff = RoomPolicy::new("staff", "!staff:phenom.test", vec![Selector::Team("staff".into())]);
    let (server_name, bot) = (SERVER.into(), BOT.into());
    let mut world = World::new(Policy { server_name, bot, rooms: vec![staff], ..Policy::default() });
    let row = |user: u8| RosterRow { subject: Some(format!("u{user}")), team: Some("staff".into()), role: None };
    world.set_roster(read_roster((0..5).map(row), SERVER, BOT));
    world.fail_roster("its database is down");
    let room = world.rooms().next().unwrap();
    world.set_room_status(room, RoomStatus::Unreadable("the bot is out".into()));
    let notices = world.notices();
    assert!(notices[0].starts_with("the roster cannot be read"), "{notices:#?}");
    assert_eq!(notices[1], "nothing is planned in room staff: the bot is out");
    let of_rows = &notices[2..];
    assert!(of_rows.len() == 5 && of_rows.iter().all(|one| one.starts_with("the roster row of ")), "{notices:#?}");
}

#[test]
fn nothing_is_enforced_in_a_room_that_was_replaced_and_the_reader_is_told() {
    let row = |subject: &str| RosterRow {
        subject: Some(subject.to_owned()),
        team: Some("staff".to_owned()),
        role: Some("member".to_owned()),
    };
    let enforce = Modes { accounts: Mode::Enforce, joins: Mode::Enforce, removals: Mode::Enforce, ..Modes::default() };
    let given = Given {
        rows: vec![row("u1")],
        members: vec![(1, 2, Membership::Join)],
        on_server: vec![(1, OnServer { present: true, ..OnServer::default() })],
        modes: enforce,
        rejoin: false,
        roster_fails: false,
    };
    let mut world = world(&given);
    let staff = world.room_by_key("staff").unwrap();
    let of_staff = |plan: &Plan| plan.actions.iter().filter(|action| action.change.room() == Some(staff)).count();
    assert_eq!(of_staff(&plan(&world, &Recent::default())), 2, "one to join, one to remove");
    let content = serde_json::json!({"replacement_room": "!new:phenom.test"});
    let event = StateEntry { content, sender: EXEMPT.to_owned(), event_id: "$t".to_owned() };
    world.set_state(staff, "m.room.tombstone", event);
    let after = plan(&world, &Recent::default());
    assert_eq!(of_staff(&after), 0);
    let tells =
        |plan: &Plan, world: &World, of: &str| plan.view(world).notices.iter().any(|notice| notice.contains(of));
    let sent = format!("{EXEMPT} sent a tombstone for room staff that names !new:phenom.test: nothing is enforced");
    assert!(tells(&after, &world, &sent), "it has not been looked at");
    world.set_upgrade(staff, "!new:phenom.test", Some("@maker:phenom.test"));
    let after = plan(&world, &Recent::default());
    assert!(of_staff(&after) == 0 && tells(&after, &world, "was replaced by !new:phenom.test"));
    // Nobody switches a policy off by a tombstone to nowhere.
    world.set_upgrade(staff, "!new:phenom.test", None);
    let after = plan(&world, &Recent::default());
    assert!(of_staff(&after) == 2 && tells(&after, &world, EXEMPT));
}
