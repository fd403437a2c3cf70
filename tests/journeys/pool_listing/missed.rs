//! Users that two listings miss: the pool has the last word on each.

use serde_json::json;
use testbed::{Effect, Matching, Pool, Proxy, SynapseVersion};

use crate::pool_support::{a_while_passes, cognito, pool, staff};
use crate::support::{Settings, Stage};

crate::on_one_version!(
    a_user_that_listings_leave_out_stays_where_the_pool_has_it,
    a_user_that_the_pool_is_unclear_about_is_deleted_only_once_it_is_clear,
    a_user_whose_status_the_pool_does_not_know_stays,
);

/// Three of staff, joined, whose pool was listed by hand, and the way by which it is reached.
async fn three(version: SynapseVersion) -> (Stage, Pool, Proxy, Vec<String>) {
    let direct = pool().await;
    let proxy = Proxy::start(&direct.endpoint).await.unwrap();
    let mut behind = direct.clone();
    behind.endpoint = proxy.url().to_owned();
    let sections = cognito(&behind, "1h", "remove");
    let stage = Stage::set(version, Settings { sections, ..Settings::default() }).await;
    let people = staff(&stage, &direct, 3).await;
    backfill(&stage, 0, 0).await;
    assert_eq!(stage.apply().await.0, 0);
    (stage, direct, proxy, people)
}

/// Lists the pool by hand: so many are missed, and so many count as deleted. Gives the log of that.
async fn backfill(stage: &Stage, missed: u64, deleted: u64) -> String {
    let output = stage.service.run_cli(&["backfill"]).await.unwrap();
    let says = format!("missing of those known before: {missed}, gone for good: {deleted}");
    assert!(output.status == Some(0) && output.stdout.contains(&says), "{says}: {output:?}");
    output.stderr
}

async fn a_user_that_listings_leave_out_stays_where_the_pool_has_it(version: SynapseVersion) {
    let (stage, _, proxy, people) = three(version).await;
    let left_out = people[0].clone();
    let leaves_out = Effect::rewrite(move |mut answer| {
        // An answer with one user is about that user alone.
        if let Some(users) = answer["Users"].as_array_mut()
            && users.len() > 1
        {
            users.retain(|user| !user.to_string().contains(&left_out));
        }
        answer
    });
    let listings = proxy.fault(Matching::any().action("ListUsers"), leaves_out);
    backfill(&stage, 1, 0).await;
    a_while_passes(&stage).await;
    backfill(&stage, 0, 0).await;
    assert!(listings.hits() >= 3, "two listings and a question");
    stage.nothing_left().await;
    for room in [&stage.staff, &stage.red] {
        assert_eq!(stage.membership(room, &people[0]).await, "join");
    }
}

async fn a_user_that_the_pool_is_unclear_about_is_deleted_only_once_it_is_clear(version: SynapseVersion) {
    let (stage, pool, proxy, people) = three(version).await;
    pool.delete(&people[0]).await.unwrap();
    backfill(&stage, 1, 0).await;
    a_while_passes(&stage).await;
    // Nobody has this sub; the pool answers with a user that cannot be read.
    let unclear = Effect::rewrite(|mut answer| {
        if answer["Users"] == json!([]) {
            answer["Users"] = json!([{ "Username": "x" }]);
        }
        answer
    });
    let unclear = proxy.fault(Matching::any().action("ListUsers"), unclear);
    backfill(&stage, 1, 0).await;
    stage.nothing_left().await;
    unclear.lift();
    a_while_passes(&stage).await;
    backfill(&stage, 1, 1).await;
    assert_eq!(stage.apply().await.0, 0);
    for room in [&stage.staff, &stage.red] {
        assert_eq!(stage.membership(room, &people[0]).await, "leave");
        assert_eq!(stage.membership(room, &people[1]).await, "join");
    }
    stage.nothing_left().await;
}

async fn a_user_whose_status_the_pool_does_not_know_stays(version: SynapseVersion) {
    let (stage, _, proxy, people) = three(version).await;
    let unknown = people[0].clone();
    let of_no_status = Effect::rewrite(move |mut answer| {
        for user in answer["Users"].as_array_mut().into_iter().flatten() {
            if user.to_string().contains(&unknown) {
                user["UserStatus"] = json!("UNKNOWN");
            }
        }
        answer
    });
    let of_no_status = proxy.fault(Matching::any().action("ListUsers"), of_no_status);
    backfill(&stage, 1, 0).await;
    a_while_passes(&stage).await;
    let log = backfill(&stage, 1, 0).await;
    assert!(log.contains("UNKNOWN") && log.contains(&people[0]), "who it is, and why: {log}");
    stage.nothing_left().await;
    for room in [&stage.staff, &stage.red] {
        assert_eq!(stage.membership(room, &people[0]).await, "join");
    }
    of_no_status.lift();
    backfill(&stage, 0, 0).await;
}
