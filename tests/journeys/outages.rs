//! Outages: Synapse, Postgres and the service itself stop at bad moments, and everything is right again afterwards.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use testbed::{
    Effect, Hasura, Matching, Postgres, Service, ServiceSpec, Signal, SynapseVersion, free_port, own, wait_until,
};

use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(
    a_restart_of_synapse_that_loses_pushes_is_made_good,
    a_service_killed_while_it_joins_people_goes_on_where_it_was,
    a_database_that_goes_away_loses_nothing,
    of_two_replicas_one_works_and_the_other_takes_over,
    one_failing_call_delays_nobody_else_and_is_tried_again,
);

const JOIN: &str = "/_synapse/admin/v1/join/";

async fn a_restart_of_synapse_that_loses_pushes_is_made_good(version: SynapseVersion) {
    let mut stage = Stage::set_on(Arc::new(own(version).await.unwrap()), Settings::default()).await;
    let people = stage.start_with_staff(4).await;
    stage.quiet().await;

    // The resync is an hour away: the next request is what notices that three were removed and nobody said so.
    stage.service.signal(Signal::SIGSTOP).unwrap();
    for sub in &people[..3] {
        stage.admin.kick(&stage.staff, &stage.mxid(sub)).await.unwrap();
    }
    stage.bed.synapse.stop_sigterm().await.unwrap();
    stage.bed.synapse.start_again().await.unwrap();
    stage.service.signal(Signal::SIGCONT).unwrap();
    let newcomer = subject();
    stage.hasura.add(&newcomer, "staff", "member").await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, &newcomer, "join", SOON).await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    stage.nothing_left().await;

    // Nothing is asked for: the resync notices, also who came in place of those who went.
    stage.service.sigterm().await.unwrap();
    stage.change(|settings| settings.resync_interval = "3s");
    stage.start().await;
    let outsider = subject();
    stage.service.signal(Signal::SIGSTOP).unwrap();
    stage.admin.kick(&stage.staff, &stage.mxid(&people[0])).await.unwrap();
    stage.admin.kick(&stage.staff, &stage.mxid(&people[1])).await.unwrap();
    stage.member(&stage.staff, &outsider).await;
    stage.bed.synapse.kill().await.unwrap();
    stage.bed.synapse.start_again().await.unwrap();
    stage.service.signal(Signal::SIGCONT).unwrap();
    for sub in &people[..2] {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    stage.until(&stage.staff, &outsider, "leave", SOON).await;
    stage.nothing_left().await;

    // Synapse is killed while the service's own joins are in flight.
    let wave = subjects(6);
    for sub in &wave {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    let held = stage.proxy.fault(Matching::any().method("POST").path(JOIN).skip(3), Effect::Hold);
    stage.hook().await;
    wait_until("a join is held", SOON, async || held.hits() > 0).await.unwrap();
    stage.bed.synapse.kill().await.unwrap();
    held.lift();
    stage.until_logged("Synapse cannot be reached").await;
    stage.bed.synapse.start_again().await.unwrap();
    for sub in &wave {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    stage.nothing_left().await;
}

async fn a_service_killed_while_it_joins_people_goes_on_where_it_was(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let people = subjects(15);
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    let joins = || Matching::any().method("POST").path(JOIN);
    // Killed before a call reached Synapse, or after Synapse did it and before the answer came.
    for (before, effect, is_done) in
        [(0, Effect::HoldAnswer, true), (4, Effect::Hold, false), (8, Effect::HoldAnswer, true)]
    {
        stage.proxy.clear();
        // Both rooms' lanes come to it: what is asked for is at most two more than what is let through.
        let fault = stage.proxy.fault(joins().skip(before), effect);
        stage.service.start_again().unwrap();
        wait_until("a join is held", SOON, async || fault.hits() > 0).await.unwrap();
        if is_done {
            // All that were asked for and not answered must have happened.
            wait_until("Synapse has done it", SOON, async || {
                let open =
                    stage.proxy.requests().into_iter().filter(|one| one.is("POST", JOIN) && one.status.is_none());
                for one in open {
                    let room = one.path.rsplit('/').next().unwrap().to_owned();
                    let user = one.body["user_id"].as_str().unwrap().to_owned();
                    if stage.admin.membership_of(&room, &user).await.unwrap() != "join" {
                        return false;
                    }
                }
                true
            })
            .await
            .unwrap();
        }
        stage.service.sigkill().await.unwrap();
        fault.lift();
    }
    // The last start lives on, though it never hears of two joins that Synapse did.
    let lost = stage.proxy.fault(joins().skip(2).times(2), Effect::LoseAnswer);
    stage.service.start_again().unwrap();
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    stage.service.wait_ready().await.unwrap();
    assert_eq!(lost.hits(), 2);
    stage.nothing_left().await;
    for sub in &people {
        for room in [&stage.staff, &stage.red] {
            assert_eq!(stage.memberships(room, sub).await, ["invite", "join"], "{sub} in {room}");
        }
    }
    // Every attempt has its outcome in the ledger, those that the kills interrupted too.
    let mut database = stage.connect().await;
    wait_until("no attempt is open", SOON, async || {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM provisioner.ledger AS started WHERE outcome = 'started' AND NOT EXISTS (
                 SELECT FROM provisioner.ledger AS ended
                 WHERE ended.pass = started.pass AND ended.seq = started.seq AND ended.outcome <> 'started')",
        )
        .fetch_one(&mut database)
        .await
        .unwrap();
        open == 0
    })
    .await
    .unwrap();
    let outcomes: Vec<(String, i64)> =
        sqlx::query_as("SELECT outcome, count(*) FROM provisioner.ledger GROUP BY outcome ORDER BY outcome")
            .fetch_all(&mut database)
            .await
            .unwrap();
    let count = |name: &str| outcomes.iter().find(|(outcome, _)| outcome == name).map_or(0, |(_, count)| *count);
    stage.no_attempt_ends_twice().await;
    assert!(count("interrupted") > 0 && count("done") > 0, "{outcomes:?}");
    assert!(count("unknown") > 0, "nobody knows how those ended whose answers were lost: {outcomes:?}");
}

async fn a_database_that_goes_away_loses_nothing(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings::default()).await;
    // Synapse keeps its own Postgres: what goes away is all that the service has, its tables and the roster.
    let postgres = Postgres::start().await.unwrap();
    stage.database = postgres.create_database("provisioner").await.unwrap();
    stage.hasura = Hasura::create(&postgres).await.unwrap();
    stage.change(|_| ());
    let people = subjects(3);
    for sub in &people[..2] {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }

    // Not there at the start: waited for.
    postgres.stop().await.unwrap();
    stage.service.start_again().unwrap();
    stage.until_not_ready(&["database", "refused"]).await;
    stage.until_logged("waiting for the database").await;
    let plan = stage.refused(&["plan"]).await;
    assert!(plan.stderr.contains("database.url") && plan.stderr.contains("refused"), "{plan:?}");
    // Not healthy before it was opened once: a version that never can must not replace one that works.
    let health = stage.refused(&["healthcheck"]).await;
    assert!(health.stderr.contains("waits for database") && health.stderr.contains("refused"), "{health:?}");
    postgres.restart().await.unwrap();
    stage.service.wait_ready().await.unwrap();
    for sub in &people[..2] {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    stage.quiet().await;

    // Gone mid-way, with a new row that nobody has seen yet; somebody is removed by hand meanwhile.
    stage.hasura.add(&people[2], "staff", "member").await.unwrap();
    postgres.stop().await.unwrap();
    stage.until_not_ready(&["database"]).await;
    let writes = stage.writes();
    stage.admin.kick(&stage.staff, &stage.mxid(&people[0])).await.unwrap();
    stage.hook().await;
    assert!(stage.service.running());
    // Healthy all the same: an outage is no reason to end those who wait for its end.
    let health = stage.service.run_cli(&["healthcheck"]).await.unwrap();
    assert_eq!(health.status, Some(0), "{health:?}");
    assert_eq!(stage.membership(&stage.staff, &people[1]).await, "join");
    assert_eq!(stage.writes(), writes);
    postgres.restart().await.unwrap();
    stage.service.wait_ready().await.unwrap();
    stage.until(&stage.staff, &people[2], "join", SOON).await;
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    stage.until(&stage.red, &people[2], "join", SOON).await;
    let of_kicked = ["invite", "join", "leave", "invite", "join"];
    assert_eq!(stage.memberships(&stage.staff, &people[0]).await, of_kicked);
    for sub in &people[1..] {
        assert_eq!(stage.memberships(&stage.staff, sub).await, ["invite", "join"]);
    }
    stage.nothing_left().await;
    // The push that could not be stored came again.
    let mut database = stage.connect().await;
    wait_until("the kick is in the inbox", Duration::from_secs(60), async || {
        let kicks: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM provisioner.inbox WHERE event::jsonb -> 'content' ->> 'membership' = 'leave'
               AND event::jsonb ->> 'state_key' = $1",
        )
        .bind(stage.mxid(&people[0]))
        .fetch_one(&mut database)
        .await
        .unwrap();
        kicks == 1
    })
    .await
    .unwrap();
    // Late and out of order as it is, it removes nobody and is answered with nothing but a look.
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    stage.nothing_left().await;
}

async fn of_two_replicas_one_works_and_the_other_takes_over(version: SynapseVersion) {
    const LEADS: &str = "this replica reconciles";
    let stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    let [listen, admin] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port().unwrap()));
    let own = |address: &str| format!("\"{address}\"");
    let config = stage.config().replace(&own(&stage.slot.listen()), &own(&listen));
    let config = config.replace(&own(&stage.admin_listen), &own(&admin));
    let binary = env!("CARGO_BIN_EXE_phenom-provisioner").into();
    let second = Service::install(ServiceSpec { binary, config, env: vec![], admin }).unwrap();
    let people = subjects(8);
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    // Synapse pushes to the first replica, no matter which one leads; here the first leads.
    stage.start().await;
    second.start_again().unwrap();
    second.wait_ready().await.unwrap();
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    stage.quiet().await;
    assert_eq!(stage.joins(), 2 * people.len());
    assert!(!second.log().contains(LEADS) && second.log().contains("stands by"), "{}", second.log());

    stage.service.sigkill().await.unwrap();
    wait_until("the second takes over", SOON, async || second.log().contains(LEADS)).await.unwrap();
    second.wait_ready().await.unwrap();
    let late = subject();
    stage.hasura.add(&late, "staff", "member").await.unwrap();
    stage.until(&stage.staff, &late, "join", SOON).await;
    stage.until(&stage.red, &late, "join", SOON).await;
    assert_eq!(stage.joins(), 2 * people.len() + 2);

    // The first comes back and stands by; what is pushed to it reaches the one that works, through the inbox.
    stage.start_ready().await;
    stage.until_logged("stands by").await;
    stage.admin.kick(&stage.staff, &stage.mxid(&people[0])).await.unwrap();
    let what = "the kick is repaired";
    let asked = [people[0].clone()];
    // Synapse has noticed that the first was away, and takes its time before it tries again.
    wait_until(what, Duration::from_secs(90), async || stage.joins_of(&stage.staff, &asked) == 2).await.unwrap();
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    assert_eq!(stage.service.log().matches(LEADS).count(), 1);
    stage.nothing_left().await;
}

async fn one_failing_call_delays_nobody_else_and_is_tried_again(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let mut people = subjects(5);
    // A plan is in the order of names.
    people.sort();
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    let (stuck, others) = people.split_first().unwrap();
    let answer = Effect::Answer(500, json!({"errcode": "M_UNKNOWN", "error": "Internal server error"}));
    let staff = || Matching::any().method("POST").path(&format!("{JOIN}{}", stage.staff));
    // The first one fails, those after it do not, and then only the first one is left to fail again.
    stage.proxy.fault(staff().times(1), answer.clone());
    stage.proxy.fault(staff().skip(others.len()), answer);
    stage.start().await;
    for sub in others {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    for sub in &people {
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    let asked = [stuck.clone()];
    wait_until("it is tried again and again", SOON, async || stage.joins_of(&stage.staff, &asked) >= 3).await.unwrap();
    let tries: Vec<_> = stage
        .proxy
        .requests()
        .into_iter()
        .filter(|one| one.is("POST", &stage.staff) && one.body["user_id"] == stage.mxid(stuck))
        .collect();
    let gaps: Vec<_> = tries.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    assert!(gaps[0] >= Duration::from_millis(1900) && gaps[1] >= Duration::from_millis(3900), "{gaps:?}");
    assert_eq!(stage.joins_of(&stage.staff, others), others.len());
    assert_ne!(stage.membership(&stage.staff, stuck).await, "join");

    let (status, report) = stage.apply().await;
    assert_eq!(status, 1, "{report:#}");
    assert_eq!(report["failed"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(report["failed"][0]["user"], json!(stage.mxid(stuck)), "{report:#}");
    assert_eq!(report["failed"][0]["room"], json!("staff"), "{report:#}");
    let error = report["failed"][0]["error"].as_str().unwrap();
    assert!(error.contains("500") && error.contains("Internal server error"), "{report:#}");

    stage.proxy.clear_faults();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"]), (0, &json!(1)), "{report:#}");
    assert_eq!(stage.membership(&stage.staff, stuck).await, "join");
    stage.nothing_left().await;
}
