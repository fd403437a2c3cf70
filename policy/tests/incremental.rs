//! The planner that remembers, beside the one that does not: over random histories both give the same plan, and only whom
//! something has changed about is judged again.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use provisioner_policy::*;
use serde_json::{Value, json};

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";
const USERS: u8 = 16;

fn mxid(number: u8) -> String {
    // A few users of another server, whom no source can name.
    if number >= 14 { format!("@u{number}:other.test") } else { format!("@u{number}:{SERVER}") }
}

/// Something that happens to a world.
#[derive(Clone, Debug)]
enum Step {
    Roster(Vec<(Option<u8>, Option<bool>, Option<bool>)>),
    RosterFails,
    Account(u8, Account, Option<Closed>, bool),
    ClosedByUs(u8, Option<Closed>),
    Group(bool, SourceState, Vec<u8>),
    AccountsFrom(AccountsFrom),
    Pool(SourceState),
    Listed(bool),
    OnServer(u8, OnServer),
    Standing(usize, Standing),
    Membership(usize, u8, Membership, bool),
    Pardon(usize, u8, bool),
    State(usize, &'static str, Value),
    Edited(usize, Value, Value),
    Lost(usize, Value, Value, Value),
    Aged(usize),
    ReadAnew(usize, Vec<(u8, Membership)>, Option<Value>),
    Follow(Option<usize>),
    Quarrel(usize),
    QuarrelsEnd,
    Seen(u8),
    Taken(usize, u32),
    CarriedOut,
    /// Somebody else looks, too.
    OtherPlanner,
}

fn source_state() -> impl Strategy<Value = SourceState> {
    prop_oneof![
        1 => Just(SourceState::Unread),
        4 => Just(SourceState::Good),
        1 => Just(SourceState::Failing("throttled".into())),
    ]
}

fn account() -> impl Strategy<Value = Account> {
    use Account::*;
    prop_oneof![2 => Just(Unknown), 4 => Just(Active), 1 => Just(Disabled), 1 => Just(Deleted), 1 => Just(Refused)]
}

fn closed() -> impl Strategy<Value = Option<Closed>> {
    prop_oneof![2 => Just(None), 1 => Just(Some(Closed::Locked)), 1 => Just(Some(Closed::Deactivated))]
}

fn membership() -> impl Strategy<Value = Membership> {
    use Membership::*;
    prop_oneof![
        1 => Just(None), 1 => Just(Invite), 4 => Just(Join), 1 => Just(Removed), 2 => Just(Left), 1 => Just(Ban), 1 => Just(Knock)
    ]
}

fn on_server() -> impl Strategy<Value = OnServer> {
    any::<[bool; 4]>().prop_map(|[present, deactivated, locked, admin]| OnServer {
        present,
        deactivated: present && deactivated && locked,
        locked: present && locked,
        admin: present && admin,
    })
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![1 => Just(Standing::Unread), 6 => Just(Standing::Ready), 1 => Just(Standing::Unreadable("no".into()))]
}

/// Power levels, of the bot too, and now and then such that cannot be read.
fn levels() -> impl Strategy<Value = Value> {
    let level = prop_oneof![Just(0), Just(1), Just(50), Just(90), Just(100)];
    let users = btree_map((0..USERS).prop_map(mxid), level.clone(), 0..5);
    let bot = prop_oneof![4 => Just(Some(100)), 1 => Just(Some(50)), 1 => Just(None)];
    let whole = (users, bot, proptest::option::of(0..2i64), proptest::option::of(level)).prop_map(
        |(users, bot, users_default, kick)| {
            let mut content = json!({ "users": users });
            bot.into_iter().for_each(|level| content["users"][BOT] = json!(level));
            users_default.into_iter().for_each(|level| content["users_default"] = json!(level));
            kick.into_iter().for_each(|level| content["kick"] = json!(level));
            content
        },
    );
    prop_oneof![9 => whole, 1 => Just(json!({"users": "none"}))]
}

fn state() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        4 => levels().prop_map(|content| (POWER_LEVELS, content)),
        1 => "[ab]".prop_map(|name| ("m.room.name", json!({ "name": name }))),
        1 => Just(("m.room.join_rules", json!({"join_rule": "public"}))),
        1 => Just(("m.room.create", json!({"additional_creators": ["@u3:phenom.test"]}))),
        1 => Just(("m.room.tombstone", json!({"replacement_room": "!new:phenom.test"}))),
        1 => Just(("m.room.other", json!({}))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let (room, user) = (|| 0..4usize, || 0..USERS);
    let row = (
        proptest::option::weighted(0.95, user()),
        proptest::option::weighted(0.95, any::<bool>()),
        any::<Option<bool>>(),
    );
    let ids = || vec(user(), 0..6);
    prop_oneof![
        3 => vec(row, 0..14).prop_map(Step::Roster),
        1 => Just(Step::RosterFails),
        5 => (user(), account(), closed(), proptest::bool::weighted(0.1))
            .prop_map(|(user, account, closed, folded)| Step::Account(user, account, closed, folded)),
        1 => (user(), closed()).prop_map(|(user, closed)| Step::ClosedByUs(user, closed)),
        2 => (any::<bool>(), source_state(), ids()).prop_map(|(group, state, ids)| Step::Group(group, state, ids)),
        1 => prop_oneof![Just(AccountsFrom::Named), Just(AccountsFrom::Pool)].prop_map(Step::AccountsFrom),
        1 => source_state().prop_map(Step::Pool),
        1 => proptest::bool::weighted(0.8).prop_map(Step::Listed),
        4 => (user(), on_server()).prop_map(|(user, state)| Step::OnServer(user, state)),
        1 => (room(), standing()).prop_map(|(room, standing)| Step::Standing(room, standing)),
        8 => (room(), user(), membership(), any::<bool>())
            .prop_map(|(room, user, membership, by)| Step::Membership(room, user, membership, by)),
        2 => (room(), user(), any::<bool>()).prop_map(|(room, user, event)| Step::Pardon(room, user, event)),
        5 => (room(), state()).prop_map(|(room, (kind, content))| Step::State(room, kind, content)),
        1 => (room(), levels(), levels()).prop_map(|(room, before, after)| Step::Edited(room, before, after)),
        1 => (room(), levels(), levels(), levels()).prop_map(|(room, from, was, is)| Step::Lost(room, from, was, is)),
        1 => room().prop_map(Step::Aged),
        2 => (room(), btree_map(user(), membership(), 0..12), proptest::option::of(levels()))
            .prop_map(|(room, members, levels)| Step::ReadAnew(room, members.into_iter().collect(), levels)),
        1 => proptest::option::of(room()).prop_map(Step::Follow),
        1 => any::<usize>().prop_map(Step::Quarrel),
        1 => Just(Step::QuarrelsEnd),
        1 => user().prop_map(Step::Seen),
        1 => (room(), 0..6u32).prop_map(|(room, taken)| Step::Taken(room, taken)),
        2 => Just(Step::CarriedOut),
        1 => Just(Step::OtherPlanner),
    ]
}

fn selector() -> impl Strategy<Value = Selector> {
    prop_oneof![
        2 => Just(Selector::Everyone),
        2 => Just(Selector::Team("staff".into())),
        2 => Just(Selector::TeamRole { team: "staff".into(), role: "lead".into() }),
        2 => Just(Selector::Group("admins".into())),
        1 => Just(Selector::Group("others".into())),
        1 => (0..USERS).prop_map(|user| Selector::Subject(format!("u{user}"))),
    ]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![1 => Just(Mode::Observe), 3 => Just(Mode::Enforce)]
}

fn policy() -> impl Strategy<Value = Policy> {
    let grant = (prop_oneof![Just(1i64), Just(50), Just(100)], vec(selector(), 1..3));
    let room = (vec(selector(), 1..3), any::<[bool; 2]>(), vec(grant, 0..3), proptest::option::of("[ab]"));
    let modes = (mode(), mode(), mode(), mode(), mode(), mode());
    let guard = (0..4u32, 0..8u32, 0.0..1.0f64);
    let offboarding = prop_oneof![Just(Offboarding::Remove), Just(Offboarding::Lock), Just(Offboarding::Deactivate)];
    (vec(room, 4), vec(selector(), 0..3), modes, guard, offboarding).prop_map(
        |(rooms, server_admins, modes, guard, offboarding)| {
            let room =
                |(number, (members, [remove, rejoin], power, name)): (usize, (_, [bool; 2], Vec<_>, _))| RoomPolicy {
                    key: format!("room{number}"),
                    id: format!("!room{number}:{SERVER}"),
                    members,
                    unlisted: if remove { Unlisted::Remove } else { Unlisted::Keep },
                    on_leave: if rejoin { OnLeave::Rejoin } else { OnLeave::Respect },
                    power: power.into_iter().map(|(level, grant)| PowerGrant { level, grant }).collect(),
                    settings: RoomSettings { name, ..RoomSettings::default() },
                };
            let (accounts, joins, removals, power_levels, room_state, admins) = modes;
            let (free_removals, max_removals, max_fraction) = guard;
            Policy {
                server_name: SERVER.into(),
                bot: BOT.into(),
                exempt: vec![mxid(0)],
                rooms: rooms.into_iter().enumerate().map(room).collect(),
                server_admins,
                modes: Modes { accounts, joins, removals, power_levels, room_state, server_admins: admins },
                guard: GuardLimits { window_seconds: 60, free_removals, max_removals, max_fraction },
                offboarding,
                ..Policy::default()
            }
        },
    )
}

/// A world in which most is readable, and what has been decided beside it.
fn begin(policy: Policy) -> World {
    let mut world = World::new(policy);
    world.set_roster(RosterReading::default());
    world.set_accounts_listed(true);
    world.set_pool(SourceState::Good);
    for room in world.rooms() {
        world.set_standing(room, Standing::Ready);
    }
    world
}

fn event(content: Value) -> StateEvent {
    StateEvent { content, sender: mxid(2), event_id: "$e".into() }
}

fn happen(world: &mut World, recent: &mut Recent, step: Step) {
    let room = |world: &World, number: usize| world.rooms().nth(number).expect("a room of the policy");
    match step {
        Step::Roster(rows) => {
            let name = |one: bool, this: &str, other: &str| if one { this.to_owned() } else { other.to_owned() };
            let rows = rows.into_iter().enumerate().map(|(at, (subject, team, role))| RosterRow {
                // Every fifth row is spelt otherwise: two such fold.
                subject: subject.map(|subject| format!("{}{subject}", if at % 5 == 4 { "U" } else { "u" })),
                team: team.map(|team| name(team, "staff", "analysts")),
                role: role.map(|role| name(role, "lead", "member")),
            });
            world.set_roster(read_roster(rows, SERVER, BOT));
        }
        Step::RosterFails => world.fail_roster("gone"),
        Step::Account(user, account, closed, folded) => world.set_account(&mxid(user), account, closed, folded),
        Step::ClosedByUs(user, closed) => {
            let user = world.intern(&mxid(user));
            world.set_closed(user, closed);
        }
        Step::Group(admins, state, members) => {
            let name = if admins { "admins" } else { "others" };
            world.set_group(name, state, members.into_iter().map(mxid));
        }
        Step::AccountsFrom(from) => world.set_accounts_from(from),
        Step::Pool(state) => world.set_pool(state),
        Step::Listed(listed) => world.set_accounts_listed(listed),
        Step::OnServer(user, state) => world.set_on_server(&mxid(user), state),
        Step::Standing(number, standing) => world.set_standing(room(world, number), standing),
        Step::Membership(number, user, membership, by_event) => {
            world.set_membership(room(world, number), &mxid(user), membership, by_event.then_some("$left"));
        }
        Step::Pardon(number, user, this) => {
            let user = world.intern(&mxid(user));
            world.pardon(room(world, number), user, if this { "$left" } else { "$other" });
        }
        Step::State(number, kind, content) => world.set_state(room(world, number), kind, event(content)),
        Step::Edited(number, before, after) => drop(world.note_edit(room(world, number), &before, &after, &[])),
        Step::Lost(number, from, was, is) => world.note_lost(room(world, number), &from, &was, &is),
        Step::Aged(number) => world.age_restorations(room(world, number)),
        Step::ReadAnew(number, members, levels) => {
            let room = room(world, number);
            let mut anew = world.room_anew(room, if number == 0 { "12".into() } else { "10".into() });
            for (user, membership) in members {
                anew.take_membership(world.intern(&mxid(user)), membership, Some("$left"));
            }
            if let Some(content) = levels {
                world.take_state(&mut anew, POWER_LEVELS, event(content));
            }
            anew.standing = Standing::Ready;
            world.set_room(room, anew);
        }
        Step::Follow(moved) => {
            let one = |number: usize| Followed {
                configured: format!("!room{number}:{SERVER}"),
                id: format!("!next{number}:{SERVER}"),
                by: "somebody".into(),
                at: "today".into(),
                departures: vec![(mxid(4), "$left".into())],
            };
            world.follow(moved.map(one).into_iter().collect());
            world.inherit_departures();
        }
        Step::Quarrel(which) => {
            let plan = plan(world, recent);
            let change = plan.actions.get(which % plan.actions.len().max(1)).map(|action| &action.change);
            if let Some(key) = change.and_then(|change| change.counted().into_iter().next()) {
                let quarrel = Quarrel { times: 5, window_minutes: 10, by: None, again_at: "later".into() };
                world.begin_quarrel(key, quarrel);
            }
        }
        Step::QuarrelsEnd => {
            let keys: Vec<ChangeKey> = world.quarrels.keys().copied().collect();
            keys.iter().for_each(|key| world.end_quarrel(key));
        }
        Step::Seen(user) => drop(world.intern(&mxid(user))),
        Step::Taken(number, taken) => {
            recent.taken.insert((Class::Removals, Some(room(world, number))), taken);
        }
        Step::CarriedOut => carry_out(world, recent),
        Step::OtherPlanner => drop(Planner::default().plan(world, recent)),
    }
}

/// Does to the world what the homeserver would do.
fn carry_out(world: &mut World, recent: &Recent) {
    let plan = plan(world, recent);
    let there = |world: &World, user| world.mirror.accounts.get(user);
    for action in plan.due() {
        match &action.change {
            &Change::CreateAccount { user } | &Change::RestoreAccount { user, .. } => {
                world.set_there(user, OnServer { present: true, ..OnServer::default() });
            }
            &Change::LockAccount { user } => {
                world.set_closed(user, Some(Closed::Locked));
                world.set_there(user, OnServer { locked: true, ..there(world, user) });
            }
            &Change::DeactivateAccount { user } => {
                world.set_closed(user, Some(Closed::Deactivated));
                world.set_there(user, OnServer { deactivated: true, ..there(world, user) });
            }
            &Change::GrantServerAdmin { user } => world.set_there(user, OnServer { admin: true, ..there(world, user) }),
            &Change::RevokeServerAdmin { user } => {
                world.set_there(user, OnServer { admin: false, ..there(world, user) })
            }
            &Change::Join { room, user, .. } => world.set_member(room, user, Membership::Join, None),
            &Change::Remove { room, user, .. } => world.set_member(room, user, Membership::Removed, None),
            Change::SetRoomState { room, setting, after, .. } => {
                let (kind, key) = setting.event();
                world.set_state(*room, kind, event(json!({ key: after })));
            }
            Change::SetPowerLevels { room, edits, restores } => {
                let now = world.room(*room).content(POWER_LEVELS).cloned();
                if let Rewrite::Write(content) = world.rewrite_levels(*room, now.as_ref(), edits, restores) {
                    world.set_state(*room, POWER_LEVELS, StateEvent { sender: BOT.into(), ..event(content) });
                }
            }
        }
    }
    for Pardon { room, user, event_id } in plan.pardons {
        world.pardon(room, user, &event_id);
    }
}

proptest! {
    // At least 50 steps a history: 10,000 and more in a run.
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_plan_is_the_same_whether_all_are_judged_or_only_those_who_changed(
        policy in policy(),
        steps in vec((step(), proptest::bool::weighted(0.8), proptest::bool::weighted(0.05)), 50..80),
    ) {
        let mut world = begin(policy);
        let (mut planner, mut recent) = (Planner::default(), Recent::default());
        for (step, looked_at, forgets) in steps {
            happen(&mut world, &mut recent, step.clone());
            if forgets {
                planner.forget();
            }
            if looked_at {
                let remembered = planner.plan(&mut world, &recent);
                prop_assert_eq!(&*remembered, &plan(&world, &recent), "after {:?}", step);
            }
        }
    }

    /// Whatever happened: what is kept beside the facts says what a search through them would say.
    #[test]
    fn what_is_kept_is_what_would_be_found(policy in policy(), steps in vec(step(), 20..40)) {
        let subjects: Vec<String> = policy
            .rooms
            .iter()
            .flat_map(|room| room.members.iter().chain(room.power.iter().flat_map(|power| &power.grant)))
            .chain(&policy.server_admins)
            .filter_map(|selector| match selector {
                Selector::Subject(subject) => Some(format!("@{subject}:{SERVER}")),
                _ => None,
            })
            .collect();
        let (mut world, mut recent) = (begin(policy), Recent::default());
        let mut reopened = std::collections::BTreeSet::new();
        for step in steps {
            happen(&mut world, &mut recent, step);
            let facts = &world.facts;
            let is_named = |user: UserIx| facts.places.contains(user) || subjects.contains(&world.users.mxid(user));
            let unknown = world.users.iter().filter(|user| {
                facts.accounts_from == AccountsFrom::Pool
                    && facts.accounts.get(*user) == Account::Unknown
                    && is_named(*user)
                    && !world.is_exempt(*user)
            });
            let kept: std::collections::BTreeSet<UserIx> = world.unknown_accounts().collect();
            prop_assert_eq!(kept, unknown.collect());
            let accounts = &world.mirror.accounts;
            let count = |has: fn(OnServer) -> bool| accounts.iter().filter(|(_, there)| has(*there)).count();
            prop_assert_eq!(accounts.present() as usize, count(|there| there.present));
            prop_assert_eq!(accounts.admins() as usize, count(|there| there.admin));
            reopened.extend(world.take_reopened());
            let open = |user: &UserIx| {
                let there = world.mirror.accounts.get(*user);
                there.present && !there.locked && !there.deactivated && world.facts.is_active(*user)
            };
            let found: Vec<UserIx> = world.facts.closed_by_us.keys().copied().filter(open).collect();
            prop_assert!(!world.mirror.accounts_listed || found.iter().all(|user| reopened.contains(user)));
        }
    }
}

fn room(key: &str, members: Vec<Selector>) -> RoomPolicy {
    RoomPolicy {
        key: key.into(),
        id: format!("!{key}:{SERVER}"),
        members,
        unlisted: Unlisted::Remove,
        on_leave: OnLeave::Respect,
        power: vec![PowerGrant { level: 50, grant: vec![Selector::Team("staff".into())] }],
        settings: RoomSettings { name: Some(key.into()), ..RoomSettings::default() },
    }
}

/// Ten thousand people in four rooms, in which nothing is to be done.
fn settled() -> World {
    let team = |name: &str| vec![Selector::Team(name.into())];
    let rooms = vec![
        room("red-room", vec![Selector::Everyone]),
        room("staff", team("staff")),
        room("analysts", team("analysts")),
        room("experiencers", team("experiencers")),
    ];
    let mut world = begin(Policy {
        server_name: SERVER.into(),
        bot: BOT.into(),
        rooms,
        server_admins: vec![Selector::Group("admins".into())],
        modes: Modes { joins: Mode::Enforce, removals: Mode::Enforce, ..Modes::default() },
        ..Policy::default()
    });
    let people: Vec<String> = (0..10_000).map(|number| format!("p{number}")).collect();
    let rows = people.iter().enumerate().map(|(number, subject)| RosterRow {
        subject: Some(subject.clone()),
        team: Some(if number < 20 { "staff".into() } else { "experiencers".into() }),
        role: Some("member".into()),
    });
    world.set_roster(read_roster(rows, SERVER, BOT));
    world.set_group("admins", SourceState::Good, ["@p0:phenom.test"].into_iter());
    let staff: serde_json::Map<String, Value> = (0..20).map(|one| (format!("@p{one}:{SERVER}"), json!(50))).collect();
    for room in world.rooms() {
        let mut users = staff.clone();
        users.insert(BOT.into(), json!(100));
        world.set_state(room, POWER_LEVELS, event(json!({ "users": users })));
        world.set_state(room, "m.room.name", event(json!({ "name": room.key(&world) })));
    }
    for (number, subject) in people.iter().enumerate() {
        let mxid = format!("@{subject}:{SERVER}");
        world.set_on_server(&mxid, OnServer { present: true, admin: number == 0, ..OnServer::default() });
        for room in world.rooms().filter(|room| room.index() == 0 || room.index() == if number < 20 { 1 } else { 3 }) {
            world.set_membership(room, &mxid, Membership::Join, None);
        }
    }
    world
}

#[test]
fn one_account_among_ten_thousand_is_judged_alone_and_nobody_where_nothing_changed() {
    let (mut world, mut planner, recent) = (settled(), Planner::default(), Recent::default());
    // Level 50 is granted in each room, and only whoever has a place there has it.
    let first = planner.plan(&mut world, &recent);
    assert!(first.actions.iter().all(|action| action.change.kind() == Kind::SetPowerLevels), "{:?}", first.actions);
    let mut judged = planner.judgements();
    let mut judgements = |planner: &mut Planner, world: &mut World| {
        let remembered = planner.plan(world, &recent);
        assert_eq!(*remembered, plan(world, &recent));
        let before = std::mem::replace(&mut judged, planner.judgements());
        (judged - before, remembered)
    };
    let (nobody, same) = judgements(&mut planner, &mut world);
    assert_eq!(nobody, 0);
    // Their account and flag, and a membership and a level in each of the four rooms.
    let of_one = 1..=10;
    let rooms: Vec<RoomIx> = world.rooms().collect();
    world.set_membership(rooms[3], "@p700:phenom.test", Membership::Removed, None);
    let (some, one) = judgements(&mut planner, &mut world);
    assert!(of_one.contains(&some) && one.actions.len() == same.actions.len() + 1, "{some}");
    world.set_on_server("@p701:phenom.test", OnServer { present: true, locked: true, ..OnServer::default() });
    assert!(of_one.contains(&judgements(&mut planner, &mut world).0));
    world.set_account("@p702:phenom.test", Account::Disabled, None, false);
    assert!(of_one.contains(&judgements(&mut planner, &mut world).0));
    world.set_account("@new:phenom.test", Account::Active, None, false);
    assert!(of_one.contains(&judgements(&mut planner, &mut world).0));
    world.set_group("admins", SourceState::Good, ["@p0:phenom.test", "@p1:phenom.test"].into_iter());
    assert!(of_one.contains(&judgements(&mut planner, &mut world).0));
    // What is read again and found as it was concerns nobody.
    let mut anew = world.room_anew(rooms[0], String::new());
    world.room(rooms[0]).members().for_each(|(user, membership)| {
        anew.take_membership(user, membership, None);
    });
    let states: Vec<(String, StateEvent)> =
        world.room(rooms[0]).states().map(|(kind, event)| (kind.to_owned(), event.clone())).collect();
    states.into_iter().for_each(|(kind, event)| world.take_state(&mut anew, &kind, event));
    anew.standing = Standing::Ready;
    world.set_standing(rooms[0], Standing::Unread);
    world.set_room(rooms[0], anew);
    assert_eq!(judgements(&mut planner, &mut world).0, 0);
    // A setting is the room's own: nobody's membership is judged for it, and only levels beside it are.
    world.set_state(rooms[1], "m.room.name", event(json!({"name": "another"})));
    let (levels, renamed) = judgements(&mut planner, &mut world);
    assert!(levels <= 21, "{levels}");
    assert_eq!(renamed.of(Some(rooms[1]), Kind::SetRoomState).len(), 1);
    planner.forget();
    assert!(judgements(&mut planner, &mut world).0 > 10_000, "who forgets judges everybody");
}

#[test]
fn the_same_plan_has_the_same_number_and_another_has_another() {
    let (mut world, mut planner, recent) = (settled(), Planner::default(), Recent::default());
    planner.plan(&mut world, &recent);
    let first = planner.version();
    planner.plan(&mut world, &recent);
    assert_eq!(planner.version(), first);
    world.set_account("@p1:phenom.test", Account::Disabled, None, false);
    planner.plan(&mut world, &recent);
    assert_ne!(planner.version(), first);
}
