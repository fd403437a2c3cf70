//! Two replicas, and a leader that does not die but hangs: frozen, cut off, or stuck in a statement. The other leads within 15
//! seconds, and the late one writes nothing. A standby that could not take over ends.

use std::time::{Duration, Instant};

use phenom_provisioner::store::Store;
use serde_json::json;
use testbed::{Effect, Matching, Proxy, Relay, Service, ServiceSpec, Signal, SynapseVersion, free_port, wait_until};

use crate::postgres_support::{freeze, set_password, stage_with_password, thaw};
use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(
    a_frozen_leader_is_replaced_within_seconds_and_writes_nothing_late,
    a_leader_that_was_frozen_between_a_question_and_its_write_does_not_write,
    a_leader_that_wakes_up_late_keeps_nothing_over_what_others_decided,
    a_leader_that_is_cut_off_from_its_database_is_replaced_and_can_be_stopped,
    a_leader_that_is_stuck_in_a_statement_works_again_within_seconds,
    a_standby_whose_password_was_changed_ends_though_its_sessions_live_on,
);

const LEADS: &str = "this replica reconciles";
const TAKEOVER: Duration = Duration::from_secs(15);

/// A second replica, which reaches Synapse on a way of its own.
async fn second(stage: &Stage) -> (Service, Proxy) {
    let [listen, admin] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port().unwrap()));
    let proxy = Proxy::start(&stage.bed.synapse.url()).await.unwrap();
    let own = |address: &str| format!("\"{address}\"");
    let config = stage.config().replace(&own(&stage.slot.listen()), &own(&listen));
    let config = config.replace(&own(&stage.admin_listen), &own(&admin)).replace(stage.proxy.url(), proxy.url());
    let binary = env!("CARGO_BIN_EXE_phenom-provisioner").into();
    (Service::install(ServiceSpec { binary, config, env: vec![], admin }).unwrap(), proxy)
}

async fn until_it_leads(service: &Service, since: Instant) {
    wait_until("the other replica leads", Duration::from_secs(40), async || service.log().contains(LEADS))
        .await
        .unwrap();
    assert!(since.elapsed() < TAKEOVER, "it took {:?}", since.elapsed());
}

async fn a_frozen_leader_is_replaced_within_seconds_and_writes_nothing_late(version: SynapseVersion) {
    let stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    let (second, _proxy) = second(&stage).await;
    let people = subjects(40);
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.start_ready().await;
    second.start_again().unwrap();
    wait_until("some are joined", SOON, async || stage.joins() > 4).await.unwrap();
    // In the middle of its work.
    stage.service.signal(Signal::SIGSTOP).unwrap();
    until_it_leads(&second, Instant::now()).await;
    let late = subject();
    stage.hasura.add(&late, "staff", "member").await.unwrap();
    for sub in people.iter().chain([&late]) {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    let writes = stage.writes();
    stage.service.signal(Signal::SIGCONT).unwrap();
    stage.until_logged("leadership is lost").await;
    stage.until_logged("stands by").await;
    assert_eq!(stage.writes(), writes, "it wrote before it knew that it no longer leads");
    stage.no_attempt_ends_twice().await;
    assert!(stage.metric("provisioner_leads").await < 0.5);
    assert!(stage.metric("provisioner_members{room=\"staff\"}").await < 0.5, "gauges of who leads stand elsewhere");
    stage.nothing_left().await;
}

async fn a_leader_that_was_frozen_between_a_question_and_its_write_does_not_write(version: SynapseVersion) {
    let stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    let (second, _proxy) = second(&stage).await;
    let person = subject();
    stage.admin.put_user(&stage.mxid(&person), json!({})).await.unwrap();
    stage.start_with_staff(1).await;
    second.start_again().unwrap();
    stage.quiet().await;
    // They are to be joined, and their account is looked at first.
    let account = format!("/v2/users/{}", stage.mxid(&person));
    let looks = stage.proxy.fault(Matching::any().method("GET").path(&account), Effect::HoldAnswer);
    stage.hasura.add(&person, "staff", "member").await.unwrap();
    wait_until("their account is looked at", SOON, async || looks.hits() > 0).await.unwrap();
    stage.service.signal(Signal::SIGSTOP).unwrap();
    stage.hasura.remove(&person, "staff").await.unwrap();
    until_it_leads(&second, Instant::now()).await;
    let writes = stage.writes();
    looks.lift();
    stage.service.signal(Signal::SIGCONT).unwrap();
    stage.until_logged("stands by").await;
    assert_eq!(stage.writes(), writes, "it joined somebody whose row was gone");
    assert_ne!(stage.membership(&stage.staff, &person).await, "join");
    stage.no_attempt_ends_twice().await;
    stage.nothing_left().await;
}

async fn a_leader_that_wakes_up_late_keeps_nothing_over_what_others_decided(version: SynapseVersion) {
    let guard = "free_removals = 0\nmax_removals = 0\nmax_fraction = 0.0".to_owned();
    // When it wakes up it is time to read the roster.
    let settings = Settings { notify: true, guard, poll_interval: "5s", ..Settings::default() };
    let stage = Stage::set(version, settings).await;
    let (second, _proxy) = second(&stage).await;
    let people = stage.start_with_staff(3).await;
    second.start_again().unwrap();
    stage.quiet().await;
    stage.service.signal(Signal::SIGSTOP).unwrap();
    until_it_leads(&second, Instant::now()).await;
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    let held = async || -> Vec<(String, String)> {
        sqlx::query_as("SELECT id, state FROM provisioner.held_plans ORDER BY seq")
            .fetch_all(&mut stage.connect().await)
            .await
            .unwrap()
    };
    wait_until("it is held", SOON, async || held().await.len() == 1).await.unwrap();
    let id = held().await.remove(0).0;
    assert!(Store::open(&stage.database).await.unwrap().dismiss_held_plan(&id, "@lead:phenom.test").await.unwrap());
    let lines = async || -> i64 {
        let sql = "SELECT count(*) FROM provisioner.ledger WHERE outcome = 'held'";
        sqlx::query_scalar(sql).fetch_one(&mut stage.connect().await).await.unwrap()
    };
    let before = lines().await;
    stage.service.signal(Signal::SIGCONT).unwrap();
    stage.until_logged("stands by").await;
    assert_eq!(held().await, [(id, "dismissed".to_owned())]);
    assert_eq!(lines().await, before);
}

async fn a_leader_that_is_cut_off_from_its_database_is_replaced_and_can_be_stopped(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    let (second, _proxy) = second(&stage).await;
    let port = stage.bed.postgres.port();
    let relay = Relay::to(port).await.unwrap();
    let (direct, cut_off) = (stage.database.clone(), relay.through(&stage.database, port));
    stage.edit(|config| config.replace(&direct, &cut_off));
    let people = stage.start_with_staff(2).await;
    second.start_again().unwrap();
    second.wait_ready().await.unwrap();
    relay.fall_silent();
    until_it_leads(&second, Instant::now()).await;
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    stage.until_not_ready(&["database"]).await;
    let asked = Instant::now();
    let status = stage.service.sigterm().await.unwrap();
    assert!(status.code() == Some(0) && asked.elapsed() < Duration::from_secs(27), "{status:?} {:?}", asked.elapsed());
    stage.edit(|config| config);
    stage.nothing_left().await;
}

async fn a_leader_that_is_stuck_in_a_statement_works_again_within_seconds(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    // Frozen backends are nothing for a Postgres that others share.
    let _postgres = stage.own_postgres().await;
    let people = stage.start_with_staff(2).await;
    stage.quiet().await;
    // All but the one that holds the lock: a heartbeat says nothing.
    let frozen = stage.backends("query NOT LIKE '%advisory%'").await;
    assert!(!frozen.is_empty());
    freeze(&frozen);
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    let since = Instant::now();
    stage.until(&stage.staff, &people[0], "leave", Duration::from_secs(40)).await;
    let took = since.elapsed();
    thaw(&frozen);
    assert!(took < Duration::from_secs(20), "it took {took:?}");
    stage.nothing_left().await;
}

async fn a_standby_whose_password_was_changed_ends_though_its_sessions_live_on(version: SynapseVersion) {
    let (mut stage, postgres, place) = stage_with_password(version, "first").await;
    stage.database = format!("postgres://provisioner:first@{place}");
    stage.change(|_| ());
    stage.start_with_staff(1).await;
    let (second, _proxy) = second(&stage).await;
    second.start_again().unwrap();
    second.wait_ready().await.unwrap();
    // As RDS rotates: no session ends, and every five seconds an old one answers.
    set_password(&postgres, "second").await;
    wait_until("the standby ends", Duration::from_secs(90), async || !second.running()).await.unwrap();
    assert_eq!(second.ended().await.unwrap().code(), Some(1));
    assert!(second.log().contains("a new process"), "{}", second.log());
    stage.database = format!("postgres://provisioner:second@{place}");
    stage.change(|_| ());
    stage.nothing_left().await;
}
