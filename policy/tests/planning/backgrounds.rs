//! What is said of those who lose something: what they were and until when, how they came in; and that no decision and no id
//! depends on it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use provisioner_policy::*;

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";
const ADA: &str = "@ada:phenom.test";
const BEN: &str = "@ben:phenom.test";

fn row(subject: &str, team: &str, role: &str) -> RosterRow {
    RosterRow { subject: Some(subject.into()), team: Some(team.into()), role: Some(role.into()) }
}

fn reading(rows: &[(&str, &str, &str)]) -> RosterReading {
    read_roster(rows.iter().map(|(subject, team, role)| row(subject, team, role)).collect::<Vec<_>>(), SERVER, BOT)
}

fn moment(seconds: i64) -> Moment {
    Moment { seconds, words: format!("minute {}", seconds / 60) }
}

/// A room for members of staff, with these people in it, and nobody in the roster but Zoe.
fn world(people: &[&str], guard: GuardLimits) -> World {
    world_for(Selector::TeamRole { team: "staff".into(), role: "member".into() }, people, guard)
}

fn world_for(member: Selector, people: &[&str], guard: GuardLimits) -> World {
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: BOT.into(),
        rooms: vec![RoomPolicy::new("staff", "!staff:phenom.test", vec![member])],
        modes: Modes { removals: Mode::Enforce, ..Modes::default() },
        guard,
        ..Policy::default()
    });
    let room = world.room_by_key("staff").unwrap();
    world.set_membership(room, BOT, Membership::Join, None);
    for mxid in people {
        world.set_on_server(mxid, OnServer { present: true, ..OnServer::default() });
        world.set_membership(room, mxid, Membership::Join, None);
    }
    world.set_accounts_listed(true);
    let levels = serde_json::json!({"users": {BOT: 100}});
    world.set_state(room, POWER_LEVELS, StateEntry { content: levels, sender: BOT.into(), event_id: String::new() });
    world.set_room_status(room, RoomStatus::Ready);
    world.set_roster(reading(&[("zoe", "staff", "member")]));
    world
}

fn lost(role: &str, seconds: i64) -> Loss {
    Loss { what: Belonged::Team { team: "staff".into(), role: Some(role.into()) }, until: moment(seconds) }
}

fn by_us(world: &World, seconds: i64) -> Vec<(RoomIx, Entrance)> {
    let because = "the roster says member of staff; the room is for members of team staff".to_owned();
    vec![(world.room_by_key("staff").unwrap(), Entrance::Service { at: moment(seconds), because })]
}

/// Why Ada is to be removed, and what she is told.
fn said(world: &World) -> (String, String) {
    let room = world.room_by_key("staff").unwrap();
    let view = plan(world, &Recent::default()).view(world);
    let because = view.actions.iter().find(|one| one.user.as_deref() == Some(ADA)).unwrap().because.clone();
    (because, world.farewell(room, world.users.get(ADA).unwrap()))
}

#[test]
fn a_reason_says_what_somebody_was_and_until_when() {
    let mut world = world(&[ADA], GuardLimits { max_removals: 100, max_fraction: 1.0, ..GuardLimits::default() });
    let ada = world.users.get(ADA).unwrap();
    let farewell = "you are no longer among the people of this room".to_owned();
    assert_eq!(said(&world), ("no source names this user".to_owned(), farewell.clone()), "nothing was looked up");

    let entrances = by_us(&world, 60);
    world.set_background(
        ada,
        Some(Background { losses: vec![lost("member", 600)], entrances, ..Background::default() }),
    );
    let gone = "was member of staff until minute 10, when the row went (joined by the service on minute 1)".to_owned();
    assert_eq!(said(&world), (gone, "no longer member of staff".to_owned()));

    // A row of another role, and of another team.
    world.set_roster(reading(&[("zoe", "staff", "member"), ("ada", "staff", "guest")]));
    let (changed, told) = said(&world);
    assert!(changed.starts_with("was member of staff until minute 10, when the row changed to guest ("), "{changed}");
    assert_eq!(told, "no longer member of staff");
    world.set_roster(reading(&[("zoe", "staff", "member"), ("ada", "nest", "lead")]));
    let (elsewhere, _) = said(&world);
    assert!(
        elsewhere.starts_with("was member of staff until minute 10, when the row went; the roster says lead of nest"),
        "{elsewhere}"
    );

    // A loss that the room never asked for is no reason, and one from before we joined them is none either.
    let asked = "the roster says lead of nest, and the room is for members of team staff with role member".to_owned();
    world.set_background(ada, Some(Background { losses: vec![lost("guest", 600)], ..Background::default() }));
    assert_eq!(said(&world), (asked, farewell));
    let entrances = by_us(&world, 6000);
    world.set_background(
        ada,
        Some(Background { losses: vec![lost("member", 600)], entrances, ..Background::default() }),
    );
    world.set_roster(reading(&[("zoe", "staff", "member")]));
    let then =
        "was member of staff when they were joined, and no row says so any more (joined by the service on minute 100)";
    assert_eq!(said(&world).0, then);
}

#[test]
fn a_stranger_is_told_of_with_the_inviter_and_hears_no_name() {
    let mut world = world(&[ADA], GuardLimits { max_removals: 100, max_fraction: 1.0, ..GuardLimits::default() });
    let (ada, room) = (world.users.get(ADA).unwrap(), world.room_by_key("staff").unwrap());
    let entrances = vec![(room, Entrance::Invitation(BEN.to_owned()))];
    world.set_background(ada, Some(Background { entrances: entrances.clone(), ..Background::default() }));
    let because =
        format!("no source names this user, and they were never seen in any team (came by invitation of {BEN})");
    let told = "this room is for its members by list, and you are not on it; ask its administrators".to_owned();
    assert_eq!(said(&world), (because, told));
    // Where not all was noted, never is too much to say.
    world.set_background(ada, Some(Background { entrances, may_lack: true, ..Background::default() }));
    assert_eq!(said(&world).0, format!("no source names this user (came by invitation of {BEN})"));
}

#[test]
fn what_the_pool_says_has_its_time() {
    let mut world = world(&[ADA], GuardLimits { max_removals: 100, max_fraction: 1.0, ..GuardLimits::default() });
    world.set_accounts_from(AccountsFrom::Pool);
    world.set_pool(SourceState::Good);
    world.set_account(ADA, Account::Disabled, None, false);
    let ada = world.users.get(ADA).unwrap();
    let told = "this account is not active any more".to_owned();
    assert_eq!(said(&world), ("disabled in the pool".to_owned(), told.clone()));
    world.set_background(ada, Some(Background { account_since: Some(moment(120)), ..Background::default() }));
    assert_eq!(said(&world), ("disabled in the pool since minute 2".to_owned(), told));
}

#[test]
fn a_long_name_of_a_team_is_cut_in_what_everybody_in_the_room_sees() {
    let long = "ë".repeat(120);
    let mut world = world_for(Selector::Team(long.clone()), &[ADA], GuardLimits::default());
    let what = Belonged::Team { team: long.clone(), role: Some(long) };
    let ada = world.users.get(ADA).unwrap();
    world.set_background(
        ada,
        Some(Background { losses: vec![Loss { what, until: moment(0) }], ..Background::default() }),
    );
    let cut = "ë".repeat(60);
    let room = world.room_by_key("staff").unwrap();
    assert_eq!(world.farewell(room, ada), format!("no longer {cut}… of {cut}…"));
}

#[test]
fn what_sources_say_no_longer_is_noted_and_a_first_reading_loses_nothing() {
    let mut world = world(&[], GuardLimits::default());
    assert_eq!(world.take_lost().losses.len(), 0, "the first reading");
    world.set_roster(reading(&[("zoe", "staff", "lead"), ("ada", "staff", "member")]));
    world.set_roster(reading(&[("ada", "nest", "member")]));
    let words = |world: &mut World| -> Vec<(String, Belonged)> {
        let lost = world.take_lost().losses;
        lost.into_iter().map(|(user, what)| (world.users.key(user).to_owned(), what)).collect()
    };
    let place = |user: &str, role: &str| {
        (user.to_owned(), Belonged::Team { team: "staff".to_owned(), role: Some(role.to_owned()) })
    };
    assert_eq!(words(&mut world), [place("zoe", "member"), place("ada", "member"), place("zoe", "lead")]);
    world.set_group("nest-admin", SourceState::Good, [ADA].into_iter());
    world.set_group("nest-admin", SourceState::Good, [BEN].into_iter());
    assert_eq!(words(&mut world), [("ada".to_owned(), Belonged::Group("nest-admin".to_owned()))]);
    world.fail_roster("gone");
    assert_eq!(words(&mut world), [], "what cannot be read says nothing");
    // An accident with the whole table is noted up to a number, and that there was more.
    let many: Vec<String> = (0..10_500).map(|number| format!("u{number}")).collect();
    let rows: Vec<(&str, &str, &str)> = many.iter().map(|sub| (sub.as_str(), "staff", "member")).collect();
    world.set_roster(reading(&rows));
    world.take_lost();
    world.set_roster(reading(&[]));
    let lost = world.take_lost();
    assert!(lost.more && lost.losses.len() == 10_000, "{}", lost.losses.len());
}

#[test]
fn a_held_plan_begins_with_what_matters_and_keeps_its_id_whatever_is_said() {
    let people = ["@a:phenom.test", "@b:phenom.test", "@c:phenom.test"];
    let mut world =
        world(&people, GuardLimits { free_removals: 0, max_removals: 0, max_fraction: 0.0, ..GuardLimits::default() });
    world.set_roster(reading(&[("zoe", "nest", "member"), ("yan", "nest", "member"), ("xia", "nest", "member")]));
    let before = plan(&world, &Recent::default());
    let id = before.held_id(&world).unwrap();
    assert_eq!(before.held_sentences(&world), ["3 people would be removed from staff."]);
    for (number, mxid) in (0..).zip(people) {
        let user = world.users.get(mxid).unwrap();
        let losses = vec![lost("member", 600 + number)];
        world.set_background(user, Some(Background { losses, ..Background::default() }));
    }
    let after = plan(&world, &Recent::default());
    assert_eq!((after.held_id(&world), after.id(&world)), (Some(id), before.id(&world)));
    assert_eq!(after, before, "no decision depends on it");
    assert_eq!(
        after.held_sentences(&world),
        [
            "3 people would be removed from staff.",
            "The sources say so since minute 10.",
            "Look twice: that is everybody who was in team staff; all of it within the same minute.",
        ]
    );
    // Half of what there was is not everybody.
    world.set_roster(reading(&[("zoe", "staff", "member")]));
    let words = plan(&world, &Recent::default()).held_sentences(&world).join(" ");
    assert!(words.contains("Look twice: the roster has only 1 row left; all of it within the same minute."), "{words}");
}
