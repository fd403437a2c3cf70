//! Starting and stopping: what the service waits for, and what it finishes first.

use testbed::{Effect, Matching, Signal, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(
    a_service_that_is_told_to_stop_finishes_what_is_in_flight,
    a_service_that_starts_before_synapse_waits_and_says_so,
    a_service_is_ready_before_its_work_is_done,
);

const JOIN: &str = "/_synapse/admin/v1/join/";

async fn a_service_that_is_told_to_stop_finishes_what_is_in_flight(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let people = subjects(6);
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    let held = stage.proxy.fault(Matching::any().method("POST").path(JOIN).skip(2), Effect::Hold);
    stage.service.start_again().unwrap();
    wait_until("a join is in flight", SOON, async || held.hits() > 0).await.unwrap();
    stage.service.signal(Signal::SIGTERM).unwrap();
    stage.until_logged("stopping").await;
    let in_flight = stage.joins();
    held.lift();
    let status = stage.service.ended().await.unwrap();
    assert_eq!(status.code(), Some(0), "{status:?}");
    // What was in flight was answered, and at most one more a room was under way to the proxy.
    let joins: Vec<_> = stage.proxy.requests().into_iter().filter(|one| one.is("POST", JOIN)).collect();
    assert!(joins.iter().all(|one| one.status == Some(200)), "{joins:#?}");
    assert!(joins.len() <= in_flight + 1, "{} joins were asked for after {in_flight}", joins.len());
    let mut database = stage.connect().await;
    let outcomes: Vec<(String, i64)> = sqlx::query_as(
        "SELECT outcome, count(*) FROM provisioner.ledger WHERE kind = 'join' GROUP BY outcome ORDER BY outcome",
    )
    .fetch_all(&mut database)
    .await
    .unwrap();
    let count = |name: &str| outcomes.iter().find(|(outcome, _)| outcome == name).map_or(0, |(_, count)| *count);
    assert_eq!(count("done"), i64::try_from(joins.len()).unwrap(), "{outcomes:?}");
    assert_eq!(count("started"), count("done") + count("left"), "{outcomes:?}");

    stage.start().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    stage.nothing_left().await;
    assert_eq!(stage.joins(), 2 * people.len());
}

async fn a_service_that_starts_before_synapse_waits_and_says_so(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let (sub, outsider) = (subject(), subject());
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.member(&stage.staff, &outsider).await;
    stage.proxy.set_down(true);
    stage.service.start_again().unwrap();
    stage.until_not_ready(&["homeserver", "Synapse cannot be reached"]).await;
    stage.until_logged("Synapse cannot be reached").await;
    let plan = stage.refused(&["plan"]).await;
    assert!(plan.stderr.contains("Synapse cannot be reached"), "{plan:?}");
    assert!(stage.service.running());
    assert_eq!(stage.membership(&stage.staff, &outsider).await, "join");

    stage.proxy.set_down(false);
    stage.service.wait_ready().await.unwrap();
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.until(&stage.staff, &outsider, "leave", SOON).await;
    stage.nothing_left().await;
    // Waiting is said once, not at every try: once for each of three rooms and once for all.
    let said = stage.service.log().matches("Synapse cannot be reached").count();
    assert!(said <= 8, "said {said} times");
}

async fn a_service_is_ready_before_its_work_is_done(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let people = subjects(3);
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    // An operator who restarts it must not wait for hours of joins, nor take it for broken.
    let held = stage.proxy.fault(Matching::any().method("POST").path(JOIN), Effect::Hold);
    stage.service.start_again().unwrap();
    wait_until("a join is asked for", SOON, async || held.hits() > 0).await.unwrap();
    stage.service.wait_ready().await.unwrap();
    let answered = stage.proxy.count(|one| one.is("POST", JOIN) && one.status.is_some());
    assert_eq!(answered, 0, "ready while no join was answered");
    held.lift();
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    stage.nothing_left().await;
}
