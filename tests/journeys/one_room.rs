//! One room is one room: what is slow, broken or odd about one makes no other wait, and Synapse is not blamed for it. Neither is it
//! for its list of accounts.

use std::time::{Duration, Instant};

use serde_json::json;
use testbed::{Effect, Matching, Person, SynapseVersion, wait_until};

use crate::settings;
use crate::support::{SOON, Settings, Stage, subject};

crate::on_one_version!(
    a_room_that_cannot_be_read_makes_no_other_wait,
    who_leaves_between_the_two_lists_of_a_reading_makes_no_room_unreadable,
    what_is_pushed_while_a_room_is_read_is_not_lost,
    who_set_a_setting_is_not_waited_for,
    after_a_call_that_times_out_synapse_is_asked_before_anything_else_is_sent,
    a_list_of_accounts_that_hangs_makes_nobody_wait,
    what_is_held_ends_although_the_accounts_cannot_be_listed,
);

/// A busy machine and two others' journeys taken into account; a service that waits for a room waits for longer.
const SECONDS: Duration = Duration::from_secs(15);

async fn a_room_that_cannot_be_read_makes_no_other_wait(version: SynapseVersion) {
    let refused = |status: u16| Effect::Answer(status, json!({"errcode": "M_UNKNOWN", "error": "no"}));
    let guard = "free_removals = 1000\nmax_removals = 1000\nmax_fraction = 1.0".to_owned();
    let stage = Stage::set(version, Settings { resync_interval: "3s", guard, ..Settings::default() }).await;
    let waits = subject();
    stage.hasura.add(&waits, "staff", "member").await.unwrap();
    // A team that nobody is left of would be an empty answer.
    stage.hasura.add(&waits, "analysts", "member").await.unwrap();
    stage.start().await;
    stage.until(&stage.staff, &waits, "join", SOON).await;
    for effect in [Effect::Hold, refused(504), refused(500)] {
        let what = format!("{effect:?}");
        let members = Matching::any().method("GET").path(&format!("/client/v3/rooms/{}/members", stage.staff));
        let fault = stage.proxy.fault(members, effect);
        wait_until("the room is asked about", SOON, async || fault.hits() > 0).await.unwrap();
        let late = subject();
        stage.hasura.add(&late, "staff", "member").await.unwrap();
        // At any moment around a resync: each takes a second or more, and resyncs and tries are between them.
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            let sub = subject();
            stage.hasura.add(&sub, "analysts", "member").await.unwrap();
            stage.hook().await;
            let began = Instant::now();
            stage.until(&stage.analysts, &sub, "join", SECONDS).await;
            stage.hasura.remove(&sub, "analysts").await.unwrap();
            stage.hook().await;
            stage.until(&stage.analysts, &sub, "leave", SECONDS).await;
            assert!(began.elapsed() < SECONDS, "{what}: {:?}", began.elapsed());
        }
        assert!(!stage.service.log().contains("Synapse answers again"), "{what}: Synapse is not the trouble");
        assert_ne!(stage.membership(&stage.staff, &late).await, "join", "{what}");
        fault.lift();
        stage.until(&stage.staff, &late, "join", SOON).await;
    }
    stage.nothing_left().await;
}

async fn who_leaves_between_the_two_lists_of_a_reading_makes_no_room_unreadable(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let people = stage.start_with_staff(2).await;
    let leaver = Person::login(&stage.bed.synapse, &people[0]).await.unwrap();
    stage.quiet().await;
    let joined = Matching::any().method("GET").path(&format!("/admin/v1/rooms/{}/members", stage.staff)).times(1);
    let fault = stage.proxy.fault(joined, Effect::Hold);
    let (report, ()) = tokio::join!(stage.apply(), async {
        wait_until("the second list is asked for", SOON, async || fault.hits() > 0).await.unwrap();
        leaver.leave(&stage.staff).await.unwrap();
        fault.release();
    });
    assert_eq!(report.0, 0, "{:#}", report.1);
    assert!(!stage.service.log().contains("room cannot be read"), "{}", stage.service.log());
    assert_eq!(stage.membership(&stage.staff, &people[0]).await, "leave", "a leave by choice is respected");
    stage.nothing_left().await;
}

async fn what_is_pushed_while_a_room_is_read_is_not_lost(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let people = stage.start_with_staff(3).await;
    stage.quiet().await;
    // Both lists were made before what happens now, and come after the loop has lost its patience.
    let lists = Matching::any().method("GET").path(&format!("/admin/v1/rooms/{}/members", stage.staff)).times(1);
    let fault = stage.proxy.fault(lists, Effect::HoldAnswer);
    let (report, ()) = tokio::join!(stage.apply(), async {
        wait_until("the room is being read", SOON, async || fault.hits() > 0).await.unwrap();
        stage.admin.kick(&stage.staff, &stage.mxid(&people[0])).await.unwrap();
        let handled =
            "SELECT count(*) FROM provisioner.inbox WHERE event::jsonb -> 'content' ->> 'membership' = 'leave'
             AND handled_at IS NOT NULL";
        let mut database = stage.connect().await;
        wait_until("the push was handled", SOON, async || {
            sqlx::query_scalar::<_, i64>(handled).fetch_one(&mut database).await.unwrap() > 0
        })
        .await
        .unwrap();
        fault.release();
    });
    assert_eq!(report.0, 0, "{:#}", report.1);
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    stage.nothing_left().await;
}

async fn who_set_a_setting_is_not_waited_for(version: SynapseVersion) {
    let stage = settings::stage(version, "10", "observe", "name = \"The Staff Room\"").await;
    stage.drift("m.room.name", json!({"name": "Elsewhere"})).await;
    let asked = Matching::any().method("GET").path("/messages");
    let fault = stage.proxy.fault(asked, Effect::Delay(Duration::from_secs(35)));
    let began = Instant::now();
    let (status, plan) = stage.plan().await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!((status, fault.hits()), (2, 1), "{plan:#}");
    let because = plan["actions"][0]["because"].as_str().unwrap();
    assert!(because.contains("somebody"), "{plan:#}");
    // The service asks once, too, however often it reads the room.
    stage.start().await;
    for _ in 0..2 {
        assert_eq!(stage.apply().await.0, 0);
    }
    assert_eq!(fault.hits(), 2);
}

async fn after_a_call_that_times_out_synapse_is_asked_before_anything_else_is_sent(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    stage.start().await;
    stage.quiet().await;
    let joins = Matching::any().method("POST").path(&format!("/_synapse/admin/v1/join/{}", stage.staff));
    let fault = stage.proxy.fault(joins.times(1), Effect::Hold);
    let people = [subject(), subject(), subject()];
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.hook().await;
    wait_until("a join hangs", SOON, async || fault.hits() > 0).await.unwrap();
    for sub in &people[1..] {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    let of_room = |one: &testbed::Recorded| one.path.contains(&stage.staff) || one.path.ends_with("/whoami");
    let requests: Vec<_> = stage.proxy.requests().into_iter().filter(of_room).collect();
    let hung = requests.iter().position(|one| one.method == "POST").unwrap();
    assert!(requests[hung + 1].path.ends_with("/whoami"), "{:#?}", &requests[hung..]);
    assert_eq!(requests[hung + 2].method, "GET", "{:#?}", &requests[hung..]);
    assert!(!stage.service.log().contains("Synapse answers again"), "Synapse is not the trouble");
    fault.lift();
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    stage.nothing_left().await;
}

async fn a_list_of_accounts_that_hangs_makes_nobody_wait(version: SynapseVersion) {
    let stage = Stage::set(version, Settings { resync_interval: "3s", ..Settings::default() }).await;
    let mut kicked = stage.start_with_staff(1).await.remove(0);
    let lists = Matching::any().method("GET").whole_path("/_synapse/admin/v2/users");
    let fault = stage.proxy.fault(lists, Effect::Hold);
    wait_until("the accounts are asked for", SOON, async || fault.hits() > 0).await.unwrap();
    let hangs = Instant::now();
    let mut is_told = false;
    // While it hangs, when that is told, and while it is tried again.
    while !is_told || hangs.elapsed() < Duration::from_secs(70) {
        let sub = subject();
        let began = Instant::now();
        stage.hasura.add(&sub, "staff", "member").await.unwrap();
        stage.admin.kick(&stage.staff, &stage.mxid(&kicked)).await.unwrap();
        stage.hook().await;
        stage.until(&stage.staff, &kicked, "join", SECONDS).await;
        stage.until(&stage.staff, &sub, "join", SECONDS).await;
        assert!(began.elapsed() < SECONDS, "{:?}", began.elapsed());
        kicked = sub;
        let readyz = stage.readyz().await.unwrap().1.to_string();
        is_told |= readyz.contains("homeserver: Synapse's list of accounts cannot be read");
        assert!(is_told || hangs.elapsed() < Duration::from_secs(60), "it is told within a minute: {readyz}");
    }
    assert!(!stage.service.log().contains("Synapse answers again"), "Synapse is not the trouble");
    fault.lift();
    stage.until_logged("Synapse lists its accounts again").await;
    stage.service.wait_ready().await.unwrap();
    stage.nothing_left().await;
}

async fn what_is_held_ends_although_the_accounts_cannot_be_listed(version: SynapseVersion) {
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    let stage = Stage::set(version, Settings { resync_interval: "3s", guard, ..Settings::default() }).await;
    let people = stage.start_with_staff(6).await;
    for sub in &people[..5] {
        stage.hasura.remove(sub, "staff").await.unwrap();
    }
    stage.hook().await;
    stage.until_logged("the guard holds a part of the plan").await;
    let lists = Matching::any().method("GET").whole_path("/_synapse/admin/v2/users");
    let failure = json!({"errcode": "M_UNKNOWN", "error": "no"});
    let fault = stage.proxy.fault(lists, Effect::Answer(500, failure));
    stage.until_not_ready(&["list of accounts"]).await;
    for sub in &people[..5] {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.hook().await;
    stage.until_logged("nothing is held any more").await;
    fault.lift();
    stage.nothing_left().await;
}
