//! The guard: a pass that would take away too much takes away nothing, does the rest, and says so.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use testbed::{Effect, Matching, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(
    removals_past_the_limit_are_all_held_and_joins_go_on,
    a_slow_drip_is_caught_like_a_flood,
    a_removal_whose_answer_is_lost_counts,
    an_emptied_roster_removes_nobody,
    a_held_part_is_approved_as_it_was_shown_and_not_otherwise,
    who_is_named_again_during_slow_removals_stays,
    a_pause_stops_an_apply_where_no_service_runs,
    a_pause_ends_what_was_approved_where_no_service_runs,
);

fn defaults() -> Settings {
    Settings { guard: "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned(), ..Settings::default() }
}

/// So many of staff, joined without a service.
async fn applied(stage: &Stage, count: usize) -> Vec<String> {
    let people = subjects(count);
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    assert_eq!(stage.apply().await.0, 0);
    people
}

async fn removals_past_the_limit_are_all_held_and_joins_go_on(version: SynapseVersion) {
    let stage = Stage::set_newest(version, defaults()).await;
    let (old, newcomer) = (applied(&stage, 6).await, subject());
    for sub in &old[..3] {
        stage.hasura.remove(sub, "staff").await.unwrap();
    }
    stage.hasura.add(&newcomer, "staff", "member").await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!(status, 3, "{report:#}");
    assert_eq!((&report["held"], &report["failed"]), (&json!(3), &json!([])), "{report:#}");
    assert!(report["held_because"][0].as_str().unwrap().contains("guard.max_fraction"), "{report:#}");
    assert_eq!(stage.membership(&stage.staff, &newcomer).await, "join");
    for sub in &old {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
    }
    // What was shown stays held, also where it is few enough by now.
    for sub in &old[1..3] {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"]), (3, &json!(1)), "{report:#}");
    assert!(report["held_because"][0].as_str().unwrap().contains("nobody has approved it"), "{report:#}");
    assert_eq!(stage.membership(&stage.staff, &old[0]).await, "join");
    let id = report["held_id"].as_str().unwrap();
    assert_eq!(stage.service.run_cli(&["apply", "--approve", id]).await.unwrap().status, Some(0));
    assert_eq!(stage.membership(&stage.staff, &old[0]).await, "leave");
    stage.nothing_left().await;
}

async fn a_slow_drip_is_caught_like_a_flood(version: SynapseVersion) {
    let stage = Stage::set_newest(version, defaults()).await;
    let people = applied(&stage, 5).await;
    let mut statuses = Vec::new();
    for sub in &people[..4] {
        stage.hasura.remove(sub, "staff").await.unwrap();
        statuses.push(stage.apply().await.0);
    }
    // Two are free. The third is more than a fifth of those who were there within the window.
    assert_eq!(statuses, [0, 0, 3, 3]);
    assert_eq!(stage.membership(&stage.staff, &people[2]).await, "join");
    let history = stage.service.run_cli(&["history", "--room", "staff", "--json"]).await.unwrap().json().unwrap();
    let held =
        |user: &str| history.as_array().unwrap().iter().any(|one| one["outcome"] == "held" && one["user"] == user);
    assert!(held(&stage.mxid(&people[2])), "{history:#}");
}

async fn a_removal_whose_answer_is_lost_counts(version: SynapseVersion) {
    let stage = Stage::set_newest(version, defaults()).await;
    let people = applied(&stage, 5).await;
    stage.proxy.fault(Matching::any().path("/kick"), Effect::LoseAnswer);
    let mut statuses = Vec::new();
    for sub in &people[..4] {
        stage.hasura.remove(sub, "staff").await.unwrap();
        statuses.push(stage.apply().await.0);
    }
    // As of a slow drip whose answers come: Synapse did it, and nobody heard.
    assert_eq!(statuses, [1, 1, 3, 3]);
    let memberships = join_all(people.iter().map(|sub| stage.membership(&stage.staff, sub))).await;
    assert_eq!(memberships, ["leave", "leave", "join", "join", "join"]);
    let history = stage.service.run_cli(&["history", &people[0], "--json"]).await.unwrap().json().unwrap();
    assert_eq!(history[0]["outcome"], "unknown", "{history:#}");
    let unknown = stage.service.run_cli(&["history", &people[0]]).await.unwrap().stdout;
    assert!(unknown.contains("unknown: "), "{unknown}");
}

async fn an_emptied_roster_removes_nobody(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { notify: true, ..Settings::default() }).await;
    let (one, two) = (subject(), subject());
    stage.hasura.add(&one, "staff", "member").await.unwrap();
    stage.hasura.add(&two, "analysts", "member").await.unwrap();
    stage.start().await;
    stage.until(&stage.staff, &one, "join", SOON).await;
    stage.until(&stage.analysts, &two, "join", SOON).await;
    stage.hasura.empty().await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"]), (3, &json!(2)), "{report:#}");
    assert!(report["held_because"][0].as_str().unwrap().contains("no row at all"), "{report:#}");
    assert_eq!(stage.membership(&stage.staff, &one).await, "join");
    assert_eq!(stage.membership(&stage.analysts, &two).await, "join");
}

async fn a_held_part_is_approved_as_it_was_shown_and_not_otherwise(version: SynapseVersion) {
    let stage = Stage::set_newest(version, defaults()).await;
    let people = applied(&stage, 8).await;
    for sub in &people[..3] {
        stage.hasura.remove(sub, "staff").await.unwrap();
    }
    let (_, shown) = stage.plan().await;
    let stale = shown["held_id"].as_str().unwrap().to_owned();
    // One more goes after it was looked at: the old id approves nothing, and names the new one.
    stage.hasura.remove(&people[3], "staff").await.unwrap();
    let approve = async |id: &str| {
        let output = stage.service.run_cli(&["apply", "--approve", id, "--json"]).await.unwrap();
        (output.status.unwrap(), output.json().unwrap())
    };
    let (status, refused) = approve(&stale).await;
    assert_eq!((status, &refused["done"], &refused["held"]), (1, &json!(0), &json!(4)), "{refused:#}");
    let id = refused["held_id"].as_str().unwrap().to_owned();
    assert!(refused["errors"][0].as_str().unwrap().contains(&id[..8]), "{refused:#}");
    assert_eq!(stage.membership(&stage.staff, &people[0]).await, "join");

    // The id outlives a start of the service, which then does it.
    stage.start().await;
    let (status, report) = approve(&id).await;
    assert_eq!((status, &report["done"], &report["held"]), (0, &json!(4), &json!(0)), "{report:#}");
    for sub in &people {
        let left = people[..4].contains(sub);
        assert_eq!(stage.membership(&stage.staff, sub).await, if left { "leave" } else { "join" });
    }
    stage.nothing_left().await;
    let history = stage.service.run_cli(&["history", &people[0], "--json"]).await.unwrap().json().unwrap();
    assert!(history[0]["cause"].as_str().unwrap().contains("approved by"), "{history:#}");
    // It was for that pass: what goes next is held again.
    stage.hasura.remove(&people[4], "staff").await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"]), (3, &json!(1)), "{report:#}");
}

/// Of what is begun together the rest is left where Synapse is slow: what it was planned from grows old.
async fn who_is_named_again_during_slow_removals_stays(version: SynapseVersion) {
    let stage = Stage::set(version, defaults()).await;
    let people = stage.start_with_staff(12).await;
    for sub in &people[1..] {
        stage.hasura.remove(sub, "staff").await.unwrap();
    }
    let (_, report) = stage.apply().await;
    let id = report["held_id"].as_str().unwrap();
    let slow = stage.proxy.fault(Matching::any().path("/kick"), Effect::Delay(Duration::from_secs(4)));
    let approve = ["apply", "--approve", id, "--json"];
    let back = async {
        wait_until("the first removal is under way", SOON, async || slow.hits() > 0).await.unwrap();
        for sub in &people[1..] {
            stage.hasura.add(sub, "staff", "member").await.unwrap();
        }
        stage.hook().await;
    };
    let (approved, ()) = tokio::join!(stage.service.run_cli(&approve), back);
    let report = approved.unwrap().json().unwrap();
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    assert_eq!((slow.hits(), &report["not_due"]), (1, &json!(10)), "one was under way: {report:#}");
    stage.nothing_left().await;
    assert!(!stage.service.log().contains("interrupted"));
}

async fn a_pause_stops_an_apply_where_no_service_runs(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    for _ in 0..12 {
        stage.hasura.add(&subject(), "staff", "member").await.unwrap();
    }
    let joins = Matching::any().method("POST").path("/_synapse/admin/v1/join/");
    let slow = stage.proxy.fault(joins, Effect::Delay(Duration::from_secs(1)));
    let pausing = async {
        wait_until("the joining has begun", SOON, async || slow.hits() > 0).await.unwrap();
        assert_eq!(stage.service.run_cli(&["pause"]).await.unwrap().status, Some(0));
        slow.hits()
    };
    let (applied, joins) = tokio::join!(stage.apply(), pausing);
    // Of each of the two rooms one may be under way, and another begin until somebody has looked.
    assert!(slow.hits() <= joins + 4, "{} after {joins}: {:#}", slow.hits(), applied.1);
    assert!(applied.1["paused"].as_str().unwrap().contains("resume"), "{:#}", applied.1);
}

async fn a_pause_ends_what_was_approved_where_no_service_runs(version: SynapseVersion) {
    let stage = Stage::set(version, defaults()).await;
    let people = applied(&stage, 12).await;
    for sub in &people[1..] {
        stage.hasura.remove(sub, "staff").await.unwrap();
    }
    let (_, report) = stage.apply().await;
    let id = report["held_id"].as_str().unwrap();
    let slow = stage.proxy.fault(Matching::any().path("/kick"), Effect::Delay(Duration::from_secs(1)));
    let pausing = async {
        wait_until("the first removal is under way", SOON, async || slow.hits() > 0).await.unwrap();
        assert_eq!(stage.service.run_cli(&["pause"]).await.unwrap().status, Some(0));
    };
    let approve = ["apply", "--approve", id, "--json"];
    let (applied, ()) = tokio::join!(stage.service.run_cli(&approve), pausing);
    let applied = applied.unwrap();
    let report = applied.json().unwrap();
    assert!(report["paused"].as_str().unwrap().contains("resume"), "{report:#}");
    assert_eq!(applied.status, Some(1), "it answers, and does not wait for the end of the pause");
    let removed = slow.hits();
    assert!(removed < 8, "{removed} of 11");
    slow.lift();
    stage.service.run_cli(&["resume"]).await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"], slow.hits()), (3, &json!(11 - removed), removed), "{report:#}");
}
