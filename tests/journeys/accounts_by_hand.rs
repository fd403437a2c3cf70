//! Accounts that somebody locks, deactivates, suspends or opens by hand, which Synapse tells nobody of; and accounts that are
//! not open yet.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use testbed::{Effect, Matching, NewUser, Person, SynapseVersion, wait_until};

use crate::pool_support::{cognito, pool, settings, staff, until_listed};
use crate::support::{SOON, Settings, Stage, subject};

crate::on_both_versions!(
    who_is_deactivated_by_hand_stays_out_and_is_back_when_reactivated,
    who_left_by_choice_before_being_deactivated_stays_out_of_that_room,
    who_is_locked_by_hand_is_joined_to_nothing_and_is_when_somebody_asks_after_unlocking,
    a_suspended_person_is_blocked_and_not_invited,
    an_account_that_somebody_else_unlocked_is_locked_again,
);

crate::on_one_version!(
    nobody_is_joined_while_their_account_cannot_be_made,
    nobody_is_joined_while_their_account_cannot_be_opened,
    who_signed_up_since_the_listing_is_asked_about_before_they_are_removed,
);

async fn deactivate(stage: &Stage, mxid: &str) {
    let path = format!("/_synapse/admin/v1/deactivate/{mxid}");
    stage.admin.call(Method::POST, &path, Some(json!({"erase": false}))).await.unwrap();
}

/// Why the plan does not join somebody, a line a room.
async fn blocked(stage: &Stage, sub: &str) -> Vec<String> {
    let (_, plan) = stage.plan().await;
    let of_user = plan["blocked"].as_array().unwrap().iter().filter(|one| one["user"] == json!(stage.mxid(sub)));
    of_user.map(|one| one["because"].as_str().unwrap().to_owned()).collect()
}

/// What `explain` says of an account.
async fn until_explained(stage: &Stage, sub: &str, says: &str) {
    wait_until(&format!("explain says {says:?}"), SOON, async || {
        let output = stage.service.run_cli(&["explain", sub, "--json"]).await.unwrap();
        output.json().is_ok_and(|answer| answer["account"].as_str().unwrap().contains(says))
    })
    .await
    .unwrap();
}

/// Waits until the service has listed the accounts so often.
async fn resyncs(stage: &Stage, more: usize) {
    let listed =
        || stage.proxy.count(|request| request.method == "GET" && request.path.ends_with("/_synapse/admin/v2/users"));
    let before = listed();
    wait_until("some resyncs", SOON, async || listed() >= before + more).await.unwrap();
}

async fn who_is_deactivated_by_hand_stays_out_and_is_back_when_reactivated(version: SynapseVersion) {
    let mut stage = Stage::set_newest(version, Settings { resync_interval: "2s", ..Settings::default() }).await;
    stage.edit(|config| config.replace("[\"everyone\"]", "[\"everyone\"]\non_leave = \"rejoin\""));
    let people = stage.start_with_staff(2).await;
    let sub = &people[0];
    let joins = stage.joins();
    deactivate(&stage, &stage.mxid(sub)).await;
    stage.until(&stage.staff, sub, "leave", SOON).await;
    stage.until(&stage.red, sub, "leave", SOON).await;
    until_explained(&stage, sub, "deactivated on Synapse").await;
    // Longer than Synapse takes to part them, and than the service waits before it looks.
    tokio::time::sleep(Duration::from_secs(8)).await;
    resyncs(&stage, 2).await;
    assert_eq!(stage.joins(), joins, "{:#?}", stage.proxy.requests().iter().rev().take(40).collect::<Vec<_>>());
    let why = blocked(&stage, sub).await;
    assert!(why.len() == 2 && why.iter().all(|one| one.contains("deactivated")), "{why:?}");
    for room in [&stage.red, &stage.staff] {
        assert_eq!(stage.membership(room, sub).await, "leave");
    }
    let open = json!({"deactivated": false, "password": "a-long-password-of-a-person"});
    stage.admin.put_user(&stage.mxid(sub), open).await.unwrap();
    stage.until(&stage.red, sub, "join", SOON).await;
    stage.until(&stage.staff, sub, "join", SOON).await;
    stage.nothing_left().await;
}

async fn who_left_by_choice_before_being_deactivated_stays_out_of_that_room(version: SynapseVersion) {
    let stage = Stage::set(version, Settings { resync_interval: "2s", ..Settings::default() }).await;
    let sub = stage.start_with_staff(1).await.remove(0);
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    person.leave(&stage.staff).await.unwrap();
    wait_until("the service looks at the account", SOON, async || {
        stage.proxy.count(|request| request.is("GET", &format!("/_synapse/admin/v2/users/{}", person.mxid))) > 0
    })
    .await
    .unwrap();
    resyncs(&stage, 2).await;
    deactivate(&stage, &person.mxid).await;
    stage.until(&stage.red, &sub, "leave", SOON).await;
    until_explained(&stage, &sub, "deactivated on Synapse").await;
    resyncs(&stage, 3).await;
    let open = json!({"deactivated": false, "password": "a-long-password-of-a-person"});
    stage.admin.put_user(&person.mxid, open).await.unwrap();
    stage.until(&stage.red, &sub, "join", SOON).await;
    resyncs(&stage, 2).await;
    assert_eq!(stage.membership(&stage.staff, &sub).await, "leave");
    stage.nothing_left().await;
}

async fn who_is_locked_by_hand_is_joined_to_nothing_and_is_when_somebody_asks_after_unlocking(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let (sub, witness) = (subject(), subject());
    Person::login(&stage.bed.synapse, &sub).await.unwrap();
    stage.start().await;
    // The listing is an hour old for all that matters.
    stage.admin.put_user(&stage.mxid(&sub), json!({"locked": true})).await.unwrap();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.hasura.add(&witness, "staff", "member").await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, &witness, "join", SOON).await;
    let why = blocked(&stage, &sub).await;
    assert!(why.len() == 2 && why.iter().all(|one| one.contains("locked")), "{why:?}");
    let of_sub = || {
        stage.joins_of(&stage.staff, std::slice::from_ref(&sub))
            + stage.joins_of(&stage.red, std::slice::from_ref(&sub))
    };
    assert_eq!(of_sub(), 0);
    stage.admin.put_user(&stage.mxid(&sub), json!({"locked": false})).await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!(status, 0, "{report:#}");
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.until(&stage.red, &sub, "join", SOON).await;
    stage.nothing_left().await;
}

/// 1.105.1 suspends nobody: there it is as if nobody were.
async fn a_suspended_person_is_blocked_and_not_invited(version: SynapseVersion) {
    let stage = Stage::set(version, Settings { resync_interval: "2s", ..Settings::default() }).await;
    let sub = subject();
    Person::login(&stage.bed.synapse, &sub).await.unwrap();
    stage.start().await;
    let path = format!("/_synapse/admin/v1/suspend/{}", stage.mxid(&sub));
    let suspend = async |suspend: bool| stage.admin.call(Method::PUT, &path, Some(json!({ "suspend": suspend }))).await;
    let can_suspend = suspend(true).await.is_ok();
    assert_eq!(can_suspend, version == SynapseVersion::V1_163);
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.hook().await;
    if can_suspend {
        until_asked(&stage, &sub).await;
        resyncs(&stage, 2).await;
        assert_eq!(stage.joins(), 0);
        let never = stage.memberships(&stage.staff, &sub).await;
        assert_eq!(never, Vec::<String>::new(), "no invitation is left behind");
        let told = stage.metric("provisioner_actions_total{kind=\"join\",mode=\"enforce\",outcome=\"failed\"}").await;
        assert!(told < 1.0, "nothing failed");
        suspend(false).await.unwrap();
    }
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.until(&stage.red, &sub, "join", SOON).await;
    stage.nothing_left().await;
}

async fn until_asked(stage: &Stage, sub: &str) {
    let path = format!("/_synapse/admin/v2/users/{}", stage.mxid(sub));
    wait_until("the account is looked at", SOON, async || stage.proxy.count(|request| request.is("GET", &path)) > 0)
        .await
        .unwrap();
}

async fn nobody_is_joined_while_their_account_cannot_be_made(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    stage.start().await;
    let (sub, witness) = (subject(), subject());
    let path = format!("/_synapse/admin/v2/users/{}", stage.mxid(&sub));
    let fault = stage.proxy.fault(
        Matching::any().method("PUT").path(&path),
        Effect::Answer(500, json!({"errcode": "M_UNKNOWN", "error": "not today"})),
    );
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.hook().await;
    wait_until("the account could not be made twice", SOON, async || fault.hits() >= 2).await.unwrap();
    stage.hasura.add(&witness, "staff", "member").await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, &witness, "join", SOON).await;
    let failed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM provisioner.ledger WHERE kind = 'join' AND outcome = 'failed' AND user_id = $1
         AND detail NOT LIKE 'the account could not be made%'",
    )
    .bind(stage.mxid(&sub))
    .fetch_one(&mut stage.connect().await)
    .await
    .unwrap();
    assert_eq!(failed, 0);
    assert_eq!(stage.joins_of(&stage.staff, std::slice::from_ref(&sub)), 0);
    fault.lift();
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.until(&stage.red, &sub, "join", SOON).await;
    stage.nothing_left().await;
}

async fn nobody_is_joined_while_their_account_cannot_be_opened(version: SynapseVersion) {
    let pool = pool().await;
    let stage = Stage::set(version, settings(&pool, "lock")).await;
    let people = staff(&stage, &pool, 2).await;
    stage.start().await;
    let sub = &people[0];
    stage.until(&stage.staff, sub, "join", SOON).await;
    stage.until(&stage.red, sub, "join", SOON).await;
    pool.disable(sub).await.unwrap();
    stage.until(&stage.staff, sub, "leave", SOON).await;
    stage.until(&stage.red, sub, "leave", SOON).await;
    let locked = async || stage.admin.user(&stage.mxid(sub)).await.unwrap().unwrap()["locked"] == true;
    wait_until("the account is locked", SOON, locked).await.unwrap();
    let joins = stage.joins_of(&stage.staff, std::slice::from_ref(sub));
    let path = format!("/_synapse/admin/v2/users/{}", stage.mxid(sub));
    let fault = stage.proxy.fault(
        Matching::any().method("PUT").path(&path),
        Effect::Answer(500, json!({"errcode": "M_UNKNOWN", "error": "background updates"})),
    );
    pool.enable(sub).await.unwrap();
    wait_until("the account could not be opened twice", SOON, async || fault.hits() >= 2).await.unwrap();
    // Another room is due meanwhile.
    stage.hasura.add(sub, "analysts", "member").await.unwrap();
    stage.hook().await;
    wait_until("the account could not be opened again", SOON, async || fault.hits() >= 4).await.unwrap();
    for room in [&stage.staff, &stage.analysts, &stage.red] {
        assert_ne!(stage.membership(room, sub).await, "join");
    }
    assert_eq!(stage.joins_of(&stage.staff, std::slice::from_ref(sub)), joins);
    fault.lift();
    for room in [&stage.staff, &stage.analysts, &stage.red] {
        stage.until(room, sub, "join", SOON).await;
    }
    assert!(!locked().await);
    stage.nothing_left().await;
}

async fn an_account_that_somebody_else_unlocked_is_locked_again(version: SynapseVersion) {
    let pool = pool().await;
    let stage = Stage::set(version, Settings { resync_interval: "2s", ..settings(&pool, "lock") }).await;
    let people = staff(&stage, &pool, 2).await;
    stage.start().await;
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    pool.disable(&people[0]).await.unwrap();
    let user = stage.mxid(&people[0]);
    let locked = async || stage.admin.user(&user).await.unwrap().unwrap()["locked"] == true;
    wait_until("the account is locked", SOON, locked).await.unwrap();
    stage.admin.put_user(&user, json!({"locked": false})).await.unwrap();
    wait_until("the account is locked again", SOON, locked).await.unwrap();
    stage.nothing_left().await;
}

/// They are in the pool, no source names them, and the listing is hours away.
async fn who_signed_up_since_the_listing_is_asked_about_before_they_are_removed(version: SynapseVersion) {
    let pool = pool().await;
    let mut stage =
        Stage::set(version, Settings { sections: cognito(&pool, "6h", "remove"), ..Settings::default() }).await;
    stage.edit(|config| config.replace("[\"everyone\"]", "[\"everyone\"]\nunlisted = \"remove\""));
    let people = staff(&stage, &pool, 1).await;
    stage.start().await;
    until_listed(&stage, 0).await;
    stage.until(&stage.red, &people[0], "join", SOON).await;
    stage.admin.send_state(&stage.red, "m.room.join_rules", "", json!({"join_rule": "public"})).await.unwrap();
    let (sub, stranger) = (subject(), subject());
    pool.import(&[NewUser::with_sub(&sub)]).await.unwrap();
    for one in [&sub, &stranger] {
        Person::login(&stage.bed.synapse, one).await.unwrap().join(&stage.red).await.unwrap();
    }
    // A user that the pool denies three times goes.
    stage.until(&stage.red, &stranger, "leave", SOON).await;
    assert_eq!(stage.memberships(&stage.red, &sub).await, ["join"]);
    stage.nothing_left().await;
}
