//! Rooms that were replaced: nothing is enforced in the dead one, and `follow` moves everything to its successor, which must
//! really be one.

use std::time::Duration;

use provisioner_policy::POWER_LEVELS;
use reqwest::Method;
use serde_json::{Value, json};
use testbed::{Admin, Effect, Matching, NewRoom, Person, Service, ServiceSpec, SynapseVersion, free_port, wait_until};

use crate::doctor_support::{self, fails, sound};
use crate::staff_support::open;
use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_both_versions!(
    a_replaced_room_is_left_alone_until_it_is_followed_with_everyone,
    a_chain_of_upgrades_is_followed_to_its_end_and_on,
    only_a_real_successor_is_followed,
    a_successor_of_somebody_who_stands_above_the_bot_is_followed_by_force_alone,
    a_successor_that_the_bot_made_is_followed,
    a_tombstone_to_nowhere_switches_nothing_off,
);

crate::on_one_version!(
    doctor_and_bootstrap_look_at_the_room_that_is_followed,
    a_replica_that_stands_by_hears_the_new_room_too,
    a_tombstone_that_names_a_big_room_makes_no_other_room_wait,
);

/// The newest version that both ends of an upgrade can have: with a server part in the id before version 12.
pub(crate) fn newest(version: SynapseVersion) -> &'static str {
    match version {
        SynapseVersion::V1_105 => "11",
        SynapseVersion::V1_163 => "12",
    }
}

/// Upgrades a room as its creator does, and gives the new room's id.
pub(crate) async fn upgrade(stage: &Stage, room: &str, version: &str) -> String {
    upgrade_by(&stage.admin, room, version).await
}

async fn upgrade_by(hands: &Admin, room: &str, version: &str) -> String {
    let path = format!("/_matrix/client/v3/rooms/{room}/upgrade");
    let answer = hands.call(Method::POST, &path, Some(json!({"new_version": version}))).await.unwrap();
    answer["replacement_room"].as_str().unwrap().to_owned()
}

async fn follow(stage: &Stage, key: &str) -> testbed::Output {
    stage.service.run_cli(&["follow", key]).await.unwrap()
}

/// Waits until the plan has a notice that holds all of `parts`.
async fn until_notice(stage: &Stage, parts: &[&str]) -> Value {
    let mut seen = Value::Null;
    wait_until(&format!("a notice with {parts:?}"), SOON, async || {
        seen = stage.plan().await.1;
        let notices = seen["notices"].as_array().unwrap();
        notices.iter().any(|notice| parts.iter().all(|part| notice.as_str().unwrap().contains(part)))
    })
    .await
    .unwrap();
    seen
}

async fn a_replaced_room_is_left_alone_until_it_is_followed_with_everyone(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    let people = subjects(3);
    let [leaver, invited] = [subject(), subject()];
    for sub in people.iter().chain([&leaver, &invited]) {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.start().await;
    for sub in people.iter().chain([&leaver, &invited]) {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    for sub in [&leaver, &invited] {
        let person = Person::login(&stage.bed.synapse, sub).await.unwrap();
        person.leave(&stage.staff).await.unwrap();
    }
    // Asked back by somebody else, and not come.
    stage.admin.invite(&stage.staff, &stage.mxid(&invited)).await.unwrap();
    let refused = follow(&stage, "staff").await;
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr.contains("was not replaced"), "{refused:?}");

    let new = upgrade(&stage, &stage.staff, newest(version)).await;
    let plan = until_notice(&stage, &["room staff was replaced by", &new, "follow staff"]).await;
    assert_eq!(plan["actions"], json!([]), "{plan:#}");
    // `plan` reads the room by itself; the service is told of it, a little later while Synapse still catches up.
    let tombstones = "provisioner_events_total{type=\"m.room.tombstone\"}";
    wait_until("Synapse pushes the tombstone", SOON, async || stage.metric(tombstones).await > 0.0).await.unwrap();
    // Rows that come and go mean nothing in a dead room.
    let (late, gone) = (subject(), people[2].clone());
    stage.hasura.add(&late, "staff", "member").await.unwrap();
    stage.hasura.remove(&gone, "staff").await.unwrap();
    stage.until(&stage.red, &late, "join", SOON).await;
    stage.quiet().await;
    for sub in &people {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
    }
    assert_eq!(stage.membership(&stage.staff, &late).await, "none");
    assert_eq!(stage.service.run_cli(&["pause"]).await.unwrap().status, Some(0));
    let refused = follow(&stage, "staff").await;
    assert!(refused.status == Some(1) && refused.stderr.contains("paused since"), "{refused:?}");
    assert_eq!(stage.service.run_cli(&["resume"]).await.unwrap().status, Some(0));

    let done = follow(&stage, "staff").await;
    assert_eq!(done.status, Some(0), "{done:?}");
    assert!(done.stdout.contains(&format!("id = \"{new}\"")), "{done:?}");
    for sub in people[..2].iter().chain([&late]) {
        stage.until(&new, sub, "join", SOON).await;
    }
    stage.nothing_left().await;
    assert_eq!(stage.membership(&new, &gone).await, "none");
    for sub in [&leaver, &invited] {
        assert_eq!(stage.membership(&new, sub).await, "none", "a leave by choice is respected in the successor too");
    }
    assert_eq!(stage.membership(&stage.staff, &gone).await, "join", "nobody is removed from the dead room");
    until_notice(&stage, &["room staff is followed from", &stage.staff, &new]).await;
    let history = stage.service.run_cli(&["history", "--json", "--room", "staff"]).await.unwrap().json().unwrap();
    let line = history.as_array().unwrap().iter().find(|line| line["kind"] == "follow").unwrap();
    assert_eq!((&line["before"], &line["after"]), (&json!(stage.staff), &json!(new)), "{line:#}");
    assert!(line["cause"].as_str().unwrap().contains(&format!("{} replaced the room", stage.admin.mxid)), "{line:#}");

    // The new room is listened to: the next resync is an hour away.
    stage.quiet().await;
    let before = stage.joins();
    stage.admin.kick(&new, &stage.mxid(&people[0])).await.unwrap();
    wait_until("the kick is repaired", SOON, async || stage.joins() > before).await.unwrap();
    stage.until(&new, &people[0], "join", SOON).await;
    let asked = stage.service.run_cli(&["rejoin", &leaver, "staff"]).await.unwrap();
    assert_eq!(asked.status, Some(0), "{asked:?}");
    stage.until(&new, &leaver, "join", SOON).await;

    // It is kept, and ends when the file agrees; that somebody left does not.
    stage.admin.invite(&new, &stage.mxid(&invited)).await.unwrap();
    stage.service.sigkill().await.unwrap();
    stage.start().await;
    stage.nothing_left().await;
    assert_eq!(stage.membership(&new, &invited).await, "invite");
    stage.hasura.add(&gone, "staff", "member").await.unwrap();
    stage.until(&new, &gone, "join", SOON).await;
    stage.service.sigterm().await.unwrap();
    stage.staff.clone_from(&new);
    stage.change(|_| {});
    stage.start().await;
    let (_, plan) = stage.plan().await;
    assert_eq!((&plan["actions"], &plan["notices"]), (&json!([]), &json!([])), "{plan:#}");
    stage.quiet().await;
    assert_eq!(stage.membership(&new, &invited).await, "invite");
}

async fn a_chain_of_upgrades_is_followed_to_its_end_and_on(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let [sub, leaver] = [subject(), subject()];
    for sub in [&sub, &leaver] {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    assert_eq!(stage.apply().await.0, 0);
    Person::login(&stage.bed.synapse, &leaver).await.unwrap().leave(&stage.staff).await.unwrap();
    let second = upgrade(&stage, &stage.staff, "10").await;
    let third = upgrade(&stage, &second, newest(version)).await;
    let done = follow(&stage, "staff").await;
    assert!(done.status == Some(0) && done.stdout.contains(&third), "{done:?}");
    assert_eq!(stage.apply().await.0, 0);
    assert_eq!(
        (stage.membership(&second, &sub).await, stage.membership(&third, &sub).await),
        ("none".into(), "join".into())
    );
    stage.nothing_left().await;
    // And again, from where it was followed to. Somebody else had asked the one back who had left the first.
    stage.admin.invite(&third, &stage.mxid(&leaver)).await.unwrap();
    let fourth = upgrade(&stage, &third, newest(version)).await;
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["actions"], json!([]), "{plan:#}");
    let done = follow(&stage, "staff").await;
    assert_eq!(done.status, Some(0), "{done:?}");
    assert_eq!(stage.apply().await.0, 0);
    assert_eq!(stage.membership(&fourth, &sub).await, "join");
    assert_eq!(stage.membership(&third, &sub).await, "join", "nobody is removed from the dead one");
    assert_eq!(stage.membership(&fourth, &leaver).await, "none");
    stage.nothing_left().await;
    let (_, plan) = stage.plan().await;
    assert!(plan["notices"].to_string().contains(&format!("followed from {} to {fourth}", stage.staff)), "{plan:#}");
}

async fn only_a_real_successor_is_followed(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let sub = subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    assert_eq!(stage.apply().await.0, 0);
    let foreign = stage.admin.create_room(NewRoom::default()).await.unwrap();
    let bury = async |next: Value| {
        let content = json!({"body": "moved", "replacement_room": next});
        stage.admin.send_state(&stage.staff, "m.room.tombstone", "", content).await.unwrap();
    };
    let writes = stage.writes();
    for (next, says) in [
        (json!(foreign), "this is no upgrade"),
        (json!(stage.red), "this is no upgrade"),
        (json!("!nowhere:elsewhere.test"), "Synapse does not know"),
        (json!("not a room"), "Synapse does not know"),
        (json!(null), "closed without a successor"),
    ] {
        bury(next.clone()).await;
        let refused = follow(&stage, "staff").await;
        assert_eq!(refused.status, Some(1), "{next}: {refused:?}");
        assert!(refused.stderr.contains(says), "{next}: {refused:?}");
    }
    assert_eq!(stage.writes(), writes, "the bot went nowhere");
    let (_, plan) = stage.plan().await;
    assert!(plan["notices"].to_string().contains("that names no other room"), "{plan:#}");
    assert_eq!(follow(&stage, "stuff").await.status, Some(1));
}

/// Somebody of staff with level 100 there, and their hands.
async fn somebody_at_the_bots_level(stage: &Stage) -> (String, Admin) {
    let sub = subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    assert_eq!(stage.apply().await.0, 0);
    let mut levels = stage.admin.state(&stage.staff, POWER_LEVELS, "").await.unwrap().unwrap();
    levels["users"][&person.mxid] = json!(100);
    stage.admin.send_state(&stage.staff, POWER_LEVELS, "", levels).await.unwrap();
    let hands = stage.admin.with_token(&person.mxid, &person.client.access_token().unwrap());
    (sub, hands)
}

async fn a_successor_of_somebody_who_stands_above_the_bot_is_followed_by_force_alone(version: SynapseVersion) {
    for room_version in ["10", newest(version)] {
        let stage = Stage::set(version, Settings::default()).await;
        let (sub, rival) = somebody_at_the_bots_level(&stage).await;
        let new = upgrade_by(&rival, &stage.staff, room_version).await;
        let (_, plan) = stage.plan().await;
        assert!(plan["notices"].to_string().contains(&format!("{new} (by {})", rival.mxid)), "{plan:#}");
        let writes = stage.writes();
        let refused = follow(&stage, "staff").await;
        assert_eq!(refused.status, Some(1), "{refused:?}");
        let level = if room_version == "12" { "above all levels" } else { "100" };
        let said = [format!("which {} made", rival.mxid), format!("{} ({level})", rival.mxid), "--force".to_owned()];
        assert!(said.iter().all(|said| refused.stderr.contains(said)), "{refused:?}");
        assert_eq!(stage.writes(), writes, "the bot went nowhere");
        let done = stage.service.run_cli(&["follow", "staff", "--force"]).await.unwrap();
        assert!(done.status == Some(0) && done.stdout.contains(&format!("which {} made", rival.mxid)), "{done:?}");
        assert_eq!(stage.apply().await.0, 0);
        assert_eq!(stage.membership(&new, &sub).await, "join");
        let history = stage.service.run_cli(&["history", "--json", "--room", "staff"]).await.unwrap().json().unwrap();
        let line = history.as_array().unwrap().iter().find(|line| line["kind"] == "follow").unwrap();
        assert!(line["cause"].as_str().unwrap().contains("by force"), "{line:#}");
        stage.nothing_left().await;
    }
}

async fn a_successor_that_the_bot_made_is_followed(version: SynapseVersion) {
    for room_version in ["10", newest(version)] {
        let stage = Stage::set(version, Settings::default()).await;
        let [sub, banned, gone] = [subject(), subject(), subject()];
        for sub in [&sub, &banned, &gone] {
            stage.hasura.add(sub, "staff", "member").await.unwrap();
        }
        assert_eq!(stage.apply().await.0, 0);
        Person::login(&stage.bed.synapse, &gone).await.unwrap().leave(&stage.staff).await.unwrap();
        for sub in [&banned, &gone] {
            stage.admin.ban(&stage.staff, &stage.mxid(sub)).await.unwrap();
        }
        // It bans them anew in the new room, in its own name.
        let new = upgrade_by(&stage.bot, &stage.staff, room_version).await;
        assert_eq!(follow(&stage, "staff").await.status, Some(0));
        assert_eq!(stage.apply().await.0, 0);
        assert_eq!(stage.membership(&new, &sub).await, "join");
        assert_eq!([stage.membership(&new, &banned).await, stage.membership(&new, &gone).await], ["ban", "ban"]);
        stage.bot.invite(&new, &stage.admin.mxid).await.unwrap();
        let join = format!("/_matrix/client/v3/rooms/{new}/join");
        stage.admin.call(Method::POST, &join, Some(json!({}))).await.unwrap();
        stage.admin.unban(&new, &stage.mxid(&gone)).await.unwrap();
        assert_eq!(stage.apply().await.0, 0);
        assert_eq!(stage.membership(&new, &gone).await, "leave", "they had left before");
        stage.nothing_left().await;
    }
}

async fn doctor_and_bootstrap_look_at_the_room_that_is_followed(version: SynapseVersion) {
    let mut stage = doctor_support::stage(version).await;
    let new = upgrade(&stage, &stage.staff, newest(version)).await;
    fails(&stage, "tombstone", &["follow staff"]).await;
    assert_eq!(follow(&stage, "staff").await.status, Some(0));
    let said = sound(&stage).await.said("room");
    assert!(said.contains("it is followed from") && said.contains(&new), "{said}");
    let path = format!("/_matrix/client/v3/rooms/{new}/leave");
    stage.bot.call(Method::POST, &path, Some(json!({}))).await.unwrap();
    fails(&stage, "room", &["staff", &new, "bootstrap"]).await;
    let entered = stage.service.run_cli(&["bootstrap"]).await.unwrap();
    assert!(entered.status == Some(0) && entered.stdout.contains(&new), "{entered:?}");
    assert!(!entered.stderr.contains("database"), "{entered:?}");
    sound(&stage).await;
    // Who cannot be asked is said so: the file may name dead rooms.
    let database = stage.database.clone();
    stage.edit(|config| config.replace(&database, "postgres://postgres@127.0.0.1:1/nowhere"));
    let entered = stage.service.run_cli(&["bootstrap"]).await.unwrap();
    assert!(entered.stderr.contains("cannot be asked which rooms are followed"), "{entered:?}");
}

async fn a_tombstone_to_nowhere_switches_nothing_off(version: SynapseVersion) {
    let stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    let people = stage.start_with_staff(4).await;
    let foreign = stage.admin.create_room(NewRoom::default()).await.unwrap();
    for (number, next) in [json!("!nowhere:elsewhere.test"), json!(foreign), json!(null)].into_iter().enumerate() {
        let content = json!({"body": "moved", "replacement_room": next});
        stage.admin.send_state(&stage.staff, "m.room.tombstone", "", content).await.unwrap();
        let told = format!("{} sent a tombstone for room staff", stage.admin.mxid);
        until_notice(&stage, &[&told, "the room is enforced as before"]).await;
        stage.hasura.remove(&people[number], "staff").await.unwrap();
        stage.until(&stage.staff, &people[number], "leave", SOON).await;
    }
    stage.nothing_left().await;
}

/// So long that a question that was given up would be asked again.
const SLOW: Duration = Duration::from_secs(12);

/// Before 1.163 Synapse answers with all the state of the room that is named: of a big one late.
async fn a_tombstone_that_names_a_big_room_makes_no_other_room_wait(version: SynapseVersion) {
    let staff = open(version, Settings { notify: true, ..Settings::default() }).await;
    let stage = &staff.stage;
    let [gone, stays, late] = [subject(), subject(), subject()];
    for sub in [&gone, &stays] {
        stage.hasura.add(sub, "analysts", "member").await.unwrap();
        stage.until(&stage.analysts, sub, "join", SOON).await;
    }
    let big = stage.admin.create_room(NewRoom::default()).await.unwrap();
    let state = Matching::any().method("GET").path(&format!("/admin/v1/rooms/{big}/state"));
    let held = stage.proxy.fault(state, Effect::HoldAnswer);
    let content = json!({"body": "moved", "replacement_room": big});
    stage.admin.send_state(&stage.analysts, "m.room.tombstone", "", content).await.unwrap();
    wait_until("the room that it names is asked about", SOON, async || held.hits() > 0).await.unwrap();

    stage.hasura.remove(&gone, "analysts").await.unwrap();
    stage.hasura.add(&late, "staff", "member").await.unwrap();
    stage.until(&stage.staff, &late, "join", SOON).await;
    let sent = format!("{} sent a tombstone for room analysts that names {big}", stage.admin.mxid);
    let alert = staff.posted(&sent).await;
    tokio::time::sleep(SLOW).await;
    staff.until_says(&alert, &[&sent, "until that room has been looked at"]).await;
    assert_eq!(stage.membership(&stage.analysts, &gone).await, "join", "it may have been replaced");
    assert_eq!(held.hits(), 1, "one question, which is not given up");

    held.lift();
    staff.until_says(&alert, &[&sent, "that is no upgrade"]).await;
    stage.until(&stage.analysts, &gone, "leave", SOON).await;
    stage.nothing_left().await;
}

/// Synapse pushes to one replica, and another reconciles.
async fn a_replica_that_stands_by_hears_the_new_room_too(version: SynapseVersion) {
    let stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    let sub = subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    let [listen, admin] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port().unwrap()));
    let own = |address: &str| format!("\"{address}\"");
    let config = stage.config().replace(&own(&stage.slot.listen()), &own(&listen));
    let config = config.replace(&own(&stage.admin_listen), &own(&admin));
    let binary = env!("CARGO_BIN_EXE_phenom-provisioner").into();
    let leader = Service::start(ServiceSpec { binary, config, env: vec![], admin }).unwrap();
    leader.wait_ready().await.unwrap();
    stage.start_ready().await;
    stage.until_logged("stands by").await;
    stage.until(&stage.staff, &sub, "join", SOON).await;

    let new = upgrade(&stage, &stage.staff, newest(version)).await;
    assert_eq!(follow(&stage, "staff").await.status, Some(0));
    stage.until(&new, &sub, "join", SOON).await;
    stage.quiet().await;
    stage.admin.kick(&new, &stage.mxid(&sub)).await.unwrap();
    let asked = [sub.clone()];
    wait_until("the kick is repaired", SOON, async || stage.joins_of(&new, &asked) == 2).await.unwrap();
    stage.until(&new, &sub, "join", SOON).await;
    assert!(!stage.service.log().contains("this replica reconciles"));
    stage.nothing_left().await;
}
