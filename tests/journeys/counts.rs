//! What the main job costs: homeserver requests and database writes, counted at the proxy and in Postgres.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use sqlx::Connection;
use testbed::{Effect, Matching, Person, Signal, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(
    a_start_asks_six_questions_a_room_and_one_a_setting,
    n_joins_cost_n_requests_and_a_few_a_room,
    an_account_is_looked_at_once_for_all_rooms_and_while_others_are_joined,
    a_look_ahead_that_hangs_keeps_nobody,
    a_second_pass_plans_nothing_and_sends_nothing,
    nothing_is_asked_while_nothing_happens,
    chat_is_dropped_without_a_database_write,
);

async fn a_start_asks_six_questions_a_room_and_one_a_setting(version: SynapseVersion) {
    const ROOMS: usize = 3;
    let mut stage = Stage::set(version, Settings::default()).await;
    let members = "members = [{ team = \"staff\" }]\n";
    for settings in ["", "join_rule = \"invite\"\nhistory_visibility = \"shared\"\nguest_access = \"can_join\"\n"] {
        stage.edit(|config| config.replace(members, &format!("{members}{settings}")));
        stage.proxy.clear();
        stage.start().await;
        stage.quiet().await;
        // A push of what happened just before makes a room be read again: each question counts once.
        let asked: BTreeSet<_> = stage.proxy.requests().into_iter().map(|one| (one.method, one.path)).collect();
        // Who is in it, who was, and four pieces of state, the join rules among them; then whose token this is, the
        // accounts, and the ping.
        let more = if settings.is_empty() { 0 } else { 2 };
        assert_eq!(asked.len(), 6 * ROOMS + more + 3, "{asked:#?}");
        stage.service.signal(Signal::SIGTERM).unwrap();
        stage.service.ended().await.unwrap();
    }
    stage.nothing_left().await;
}

async fn n_joins_cost_n_requests_and_a_few_a_room(version: SynapseVersion) {
    const PEOPLE: usize = 12;
    const ROOMS: usize = 3;
    let stage = Stage::set(version, Settings::default()).await;
    stage.start().await;
    stage.quiet().await;
    stage.proxy.clear();
    let people: Vec<String> = (0..PEOPLE).map(|_| subject()).collect();
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.hook().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    stage.quiet().await;
    let creations = stage.proxy.count(|request| request.is("PUT", "/_synapse/admin/v2/users/"));
    assert_eq!((stage.joins(), creations), (2 * PEOPLE, PEOPLE));
    let rest: Vec<_> = stage
        .proxy
        .requests()
        .into_iter()
        .filter(|one| !one.is("POST", "/_synapse/admin/v1/join/") && !one.is("PUT", "/_synapse/admin/v2/users/"))
        .map(|one| (one.method, one.path))
        .collect();
    // A count of each room, taken twice at most where Synapse's own counting lags behind, and a reading after that.
    assert!(rest.len() <= ROOMS * 15, "{rest:#?}");
    assert!(rest.iter().all(|(method, path)| method == "GET" && people.iter().all(|sub| !path.contains(sub.as_str()))));
    // Eight attempts are written together, with the ends of the eight before: two lines for each of 36, in 9 writes, or in a
    // few more where a slow Synapse makes it several slices.
    let (lines, writes): (i64, i64) =
        sqlx::query_as("SELECT count(*), count(DISTINCT xmin::text) FROM provisioner.ledger")
            .fetch_one(&mut stage.connect().await)
            .await
            .unwrap();
    assert_eq!(usize::try_from(lines).unwrap(), 2 * 3 * PEOPLE);
    assert!(writes <= lines / 4, "{lines} lines in {writes} writes");
    stage.nothing_left().await;
}

/// A service that knows the accounts of these people, and nobody of them in a room.
async fn with_accounts(version: SynapseVersion, people: &[String]) -> Stage {
    let stage = Stage::set(version, Settings::default()).await;
    for sub in people {
        stage.admin.put_user(&stage.mxid(sub), json!({})).await.unwrap();
    }
    stage.start().await;
    stage
}

/// They become staff, all at once.
async fn enter_staff(stage: &Stage, people: &[String]) {
    stage.hasura.add_many(people, "staff").await.unwrap();
    stage.hook().await;
}

async fn until_joined(stage: &Stage, people: &[String]) {
    for (sub, room) in people.iter().flat_map(|sub| [(sub, &stage.staff), (sub, &stage.red)]) {
        stage.until(room, sub, "join", SOON).await;
    }
    stage.nothing_left().await;
}

async fn an_account_is_looked_at_once_for_all_rooms_and_while_others_are_joined(version: SynapseVersion) {
    let people = subjects(3);
    let stage = with_accounts(version, &people).await;
    let looks = |sub: &str| {
        let path = format!("/_synapse/admin/v2/users/{}", stage.mxid(sub));
        stage.proxy.count(|request| request.is("GET", &path))
    };
    let joins = stage.proxy.fault(Matching::any().method("POST").path("/_synapse/admin/v1/join/"), Effect::Hold);
    enter_staff(&stage, &people).await;
    let looked = async || people.iter().filter(|sub| looks(sub) > 0).count() >= 2;
    // Before the call that is held is given up, after half a minute.
    wait_until("somebody is looked at while another is joined", Duration::from_secs(20), looked).await.unwrap();
    joins.lift();
    until_joined(&stage, &people).await;
    assert_eq!(people.iter().map(|sub| looks(sub)).collect::<Vec<_>>(), [1; 3]);
}

async fn a_look_ahead_that_hangs_keeps_nobody(version: SynapseVersion) {
    let people = subjects(2);
    let stage = with_accounts(version, &people).await;
    // The two questions are asked at once, so which comes first says nothing: who is joined second is told by their id.
    let second = format!("/v2/users/{}", stage.mxid(people.iter().max().unwrap()));
    let looks = stage.proxy.fault(Matching::any().method("GET").path(&second), Effect::Hold);
    enter_staff(&stage, &people).await;
    // Once beside the join before, and once more when that has ended: it waits for no call that is given up after half a minute.
    wait_until("the second is looked at again", Duration::from_secs(20), async || looks.hits() >= 2).await.unwrap();
    looks.lift();
    until_joined(&stage, &people).await;
}

async fn a_second_pass_plans_nothing_and_sends_nothing(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    for _ in 0..3 {
        stage.hasura.add(&subject(), "staff", "member").await.unwrap();
    }
    stage.start().await;
    stage.hook().await;
    wait_until("all have been joined", SOON, async || stage.joins() == 6).await.unwrap();
    stage.quiet().await;
    for _ in 0..2 {
        let (passes, requests) = (stage.metric("provisioner_passes_total").await, stage.proxy.requests().len());
        stage.hook().await;
        wait_until("another pass", SOON, async || stage.metric("provisioner_passes_total").await > passes)
            .await
            .unwrap();
        assert_eq!(stage.proxy.requests().len(), requests);
    }
    stage.nothing_left().await;
}

async fn nothing_is_asked_while_nothing_happens(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    stage.hasura.add(&subject(), "staff", "member").await.unwrap();
    stage.start().await;
    wait_until("everybody has been joined", SOON, async || stage.joins() == 2).await.unwrap();
    stage.quiet().await;
    let (passes, requests) = (stage.metric("provisioner_passes_total").await, stage.proxy.requests().len());
    // Nobody wakes it: it looks at its own tables by itself, every few seconds.
    wait_until("it has looked three times", SOON, async || {
        stage.metric("provisioner_passes_total").await >= passes + 3.0
    })
    .await
    .unwrap();
    let since: Vec<_> = stage.proxy.requests().split_off(requests).into_iter().map(|one| one.path).collect();
    assert!(since.is_empty(), "{since:?}");
    stage.nothing_left().await;
}

async fn chat_is_dropped_without_a_database_write(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let sub = stage.start_with_staff(1).await.remove(0);
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    stage.quiet().await;
    let before = stage.metric("provisioner_events_total{type=\"m.room.message\"}").await;
    let inbox = rows_in_inbox(&stage).await;
    for number in 0..20 {
        person.send_text(&stage.staff, &format!("message {number}")).await.unwrap();
    }
    wait_until("the messages were pushed", SOON, async || {
        stage.metric("provisioner_events_total{type=\"m.room.message\"}").await >= before + 20.0
    })
    .await
    .unwrap();
    assert_eq!(rows_in_inbox(&stage).await, inbox);
}

/// Rows ever written to the inbox, by its own count of them.
async fn rows_in_inbox(stage: &Stage) -> i64 {
    let mut database = sqlx::PgConnection::connect(&stage.database).await.unwrap();
    let (written,): (Option<i64>,) = sqlx::query_as(
        "SELECT last_value FROM pg_sequences WHERE schemaname = 'provisioner' AND sequencename = 'inbox_id_seq'",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    assert_ne!(written, None, "the member events of the joins are in the inbox");
    written.unwrap()
}
