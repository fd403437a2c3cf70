//! What a plan says of itself, and what the mirror says of it once it is done.

use provisioner_policy::*;

const SERVER: &str = "phenom.test";
const PRESENT: OnServer = OnServer { present: true, deactivated: false, locked: false, admin: false };

/// One room of a team: `new` is to join, `old` is to go.
fn world() -> (World, RoomIx, [UserIx; 2]) {
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: "@bot:phenom.test".into(),
        rooms: vec![RoomPolicy::new("staff", "!staff:phenom.test", vec![Selector::Team("staff".into())])],
        ..Policy::default()
    });
    let room = world.rooms().next().expect("the one room");
    let row = RosterRow { subject: Some("new".into()), team: Some("staff".into()), role: None };
    world.set_roster(read_roster([row], SERVER, "@bot:phenom.test"));
    world.set_room_status(room, RoomStatus::Ready);
    let users = ["@new:phenom.test", "@old:phenom.test"].map(|mxid| world.intern(mxid));
    users.iter().for_each(|user| world.set_there(*user, PRESENT));
    world.set_member(room, users[1], Membership::Join, None);
    world.set_accounts_listed(true);
    (world, room, users)
}

#[test]
fn a_plan_says_what_is_in_it_and_whether_it_takes_anything() {
    let (mut world, room, [new, old]) = world();
    let of = |kind, user| ChangeKey { kind, room: Some(room), subject: Subject::User(user) };
    let said = |world: &World| {
        let plan = plan(world, &Recent::default());
        let has = [(Kind::Join, new), (Kind::Join, old), (Kind::Remove, new), (Kind::Remove, old)];
        (plan.is_empty(), plan.takes(world), has.map(|(kind, user)| plan.has(world, &of(kind, user))))
    };
    assert_eq!(said(&world), (false, true, [true, false, false, true]));
    world.take_effect(&Change::Remove { room, user: old, before: Membership::Join, ban: false });
    assert_eq!(said(&world), (false, false, [true, false, false, false]));
    world.take_effect(&Change::Join { room, user: new, before: Membership::None });
    assert_eq!(said(&world), (true, false, [false; 4]));
}

#[test]
fn nobody_loses_by_what_gives() {
    let (world, _, [_, old]) = world();
    let plan = plan(&world, &Recent::default());
    assert_eq!(plan.losing(&world).collect::<Vec<_>>(), [old]);
    let counted: Vec<u32> = plan.actions.iter().map(|action| world.rightful(&action.change)).collect();
    assert_eq!(counted, [0, 1], "a join and a removal");
}

#[test]
fn a_plan_finds_one_among_many_of_a_kind() {
    let (mut world, room, _) = world();
    for number in 10..30 {
        world.set_membership(room, &format!("@u{number}:{SERVER}"), Membership::Join, None);
    }
    let plan = plan(&world, &Recent::default());
    let key = |user| ChangeKey { kind: Kind::Remove, room: Some(room), subject: Subject::User(user) };
    let found = world.users.iter().filter(|user| plan.has(&world, &key(*user)));
    assert_eq!(found.count(), 21);
}

#[test]
fn a_plan_finds_one_level_of_an_event() {
    let (world, room, [user, _]) = world();
    let edit = PowerEdit { of: user.into(), before: Some(0), after: Some(50), lowers: false };
    let change = Change::SetPowerLevels { room, edits: [edit].into() };
    let action = Action { change, mode: Mode::Enforce, held: None, because: Because::Grants };
    let plan = Plan { actions: vec![action], ..Plan::default() };
    let has = |level| plan.has(&world, &ChangeKey::of_level(room, user, Some(level)));
    assert_eq!((has(50), has(51)), (true, false));
}

#[test]
fn the_bot_needs_what_the_policy_may_ask_of_it() {
    let (world, ..) = world();
    let content = serde_json::json!({});
    let levels = Levels::read(Some(&content), Creators::default()).expect("they are levels");
    let acts = |unlisted, join_rule| {
        let room = RoomPolicy { unlisted, ..world.policy.rooms[0].clone() };
        let needs = needs(&room, &Modes::default(), &levels, join_rule);
        needs.into_iter().map(|need| need.act).collect::<Vec<_>>()
    };
    assert_eq!(acts(Unlisted::Remove, Some("invite")), [Act::Join, Act::Remove]);
    assert_eq!(acts(Unlisted::Keep, None), [Act::Join]);
    assert_eq!(acts(Unlisted::Remove, Some("public")), [Act::Remove], "everybody may join");
}

#[test]
fn a_value_of_the_roster_may_be_as_long_as_is_said_and_no_longer() {
    let mut reader = RosterReader::new(SERVER, "@bot:phenom.test");
    for length in [LONGEST, LONGEST + 1] {
        let (subject, team) = (Some(format!("u{length}")), Some("t".repeat(length)));
        reader.take(RosterRow { subject, team, role: Some("lead".into()) });
    }
    assert_eq!(reader.rows(), 2, "a row that cannot be used is one, too");
    let people: Vec<String> = reader.finish().people.into_keys().collect();
    assert_eq!(people, [format!("@u{LONGEST}:{SERVER}")]);
}

#[test]
fn a_subject_that_is_too_long_may_be_of_any_team_where_its_row_names_none() {
    for blank in [None, Some(" ".to_owned())] {
        let row = RosterRow { subject: Some("x".repeat(LONGEST + 1)), team: blank, role: Some("lead".into()) };
        let reading = read_roster([row], SERVER, "@bot:phenom.test");
        assert!(reading.trouble.iter().all(|one| one.hides_someone_of("staff")), "{:?}", reading.trouble);
        assert_eq!(reading.trouble.len(), 1);
    }
}

#[test]
fn what_is_done_to_an_account_is_in_the_mirror_at_once() {
    let admin = OnServer { admin: true, ..PRESENT };
    let locked = OnServer { locked: true, ..admin };
    let deactivated = OnServer { deactivated: true, ..admin };
    for (before, change, after) in [
        (admin, (|user| Change::LockAccount { user }) as fn(UserIx) -> Change, locked),
        (locked, |user| Change::RestoreAccount { user, before: Closed::Locked }, admin),
        (admin, |user| Change::DeactivateAccount { user }, deactivated),
        // Reactivation takes the flag.
        (deactivated, |user| Change::RestoreAccount { user, before: Closed::Deactivated }, PRESENT),
        (PRESENT, |user| Change::GrantServerAdmin { user }, admin),
        (admin, |user| Change::RevokeServerAdmin { user }, PRESENT),
        (OnServer::default(), |user| Change::CreateAccount { user }, PRESENT),
    ] {
        let (mut world, _, [user, _]) = world();
        world.set_there(user, before);
        let change = change(user);
        world.take_effect(&change);
        assert_eq!(world.mirror.accounts.get(user), after, "{change:?}");
    }
}

#[test]
fn only_what_locks_or_deactivates_closes_an_account() {
    let (_, room, [user, _]) = world();
    let changes = [
        Change::LockAccount { user },
        Change::DeactivateAccount { user },
        Change::RevokeServerAdmin { user },
        Change::Remove { room, user, before: Membership::Join, ban: false },
    ];
    let (locked, deactivated) = (Some((user, Closed::Locked)), Some((user, Closed::Deactivated)));
    assert_eq!(changes.map(|change| change.closes()), [locked, deactivated, None, None]);
}

#[test]
fn a_reason_is_a_word_of_a_fixed_set() {
    assert_eq!(Because::NotEntitled.code(), "not_entitled");
    let drifted = Because::Drifted(Setting::ALL[0]).code();
    assert_eq!(drifted, format!("drifted:{}", Setting::ALL[0].key()));
}

/// What hangs on the default waits with the default, and with nothing else.
#[test]
fn a_level_that_waits_takes_only_what_hangs_on_it_along() {
    let (_, room, [one, other]) = world();
    let edit = |of: LevelOf, before, after, lowers| PowerEdit { of, before: Some(before), after, lowers };
    let default = edit(LevelOf::Everybody, 75, Some(0), false);
    let (hangs, lowered) = (edit(one.into(), 75, Some(10), false), edit(other.into(), 60, None, true));
    let without = |refused: PowerEdit| {
        let change = Change::SetPowerLevels { room, edits: [default, hangs, lowered].into() };
        let (kept, waits) = change.part(|key| *key != ChangeKey::of_level(room, refused.of, refused.after));
        (kept.expect("something is kept").counted().count(), waits.len())
    };
    assert_eq!((without(lowered), without(default)), ((2, 1), (1, 2)));
}
