//! Names that the pool says, as its listing finds them: they follow where they are still what we set, and nowhere else.

use serde_json::json;
use testbed::{Person, Pool, SynapseVersion};

use crate::pool_support::{cognito, pool, until_listed};
use crate::profiles_support::{enforced, pair, profile, until_seen};
use crate::support::{SOON, Settings, Stage};

crate::on_both_versions!(a_name_that_the_pool_changes_follows_and_a_chosen_one_stays);

/// As docs/profiles.md has it: the table knows no names, so the pool's stand in.
const NAMELESS: &str = "query = \"SELECT id::text AS subject, NULL AS display_name, NULL AS avatar_url FROM users\"";

/// Somebody in the pool and in team staff.
async fn person(stage: &Stage, pool: &Pool, name: &str) -> String {
    let sub = pool.admin_create(&format!("{name}@example.org"), name).await.unwrap();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    sub
}

/// Everybody in both rooms sees this name, and these are all the member events of theirs.
async fn assert_seen(stage: &Stage, sub: &str, name: &str, memberships: &[&str]) {
    for room in [&stage.staff, &stage.red] {
        until_seen(stage, room, sub, &pair(name, "")).await;
        assert_eq!(stage.memberships(room, sub).await, memberships, "one event a room for {name}");
    }
    assert_eq!(profile(stage, sub).await, pair(name, ""));
}

async fn a_name_that_the_pool_changes_follows_and_a_chosen_one_stays(version: SynapseVersion) {
    let pool = pool().await;
    let sections = format!("{}[profiles]\n", cognito(&pool, "1s", "remove"));
    let mut stage = Stage::set(version, Settings { sections, ..Settings::default() }).await;
    stage.edit(enforced);
    let (ada, ben) = (person(&stage, &pool, "Ada").await, person(&stage, &pool, "Ben").await);
    stage.start().await;
    for (sub, name) in [(&ada, "Ada"), (&ben, "Ben")] {
        for room in [&stage.staff, &stage.red] {
            stage.until(room, sub, "join", SOON).await;
        }
        assert_seen(&stage, sub, name, &["invite", "join"]).await;
    }
    let client = Person::login(&stage.bed.synapse, &ben).await.unwrap();
    client.client.account().set_display_name(Some("Benedict")).await.unwrap();
    assert_seen(&stage, &ben, "Benedict", &["invite", "join", "join"]).await;

    // Both get another name in the pool, and one of them had chosen by then.
    pool.rename(&ada, "Ada Byron").await.unwrap();
    pool.rename(&ben, "Ben Bitdiddle").await.unwrap();
    assert_seen(&stage, &ada, "Ada Byron", &["invite", "join", "join"]).await;
    until_listed(&stage, 2).await;
    stage.quiet().await;
    assert_seen(&stage, &ben, "Benedict", &["invite", "join", "join"]).await;
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["profiles"]["names"], json!({"right": 1, "to_give": 0, "chosen": 1, "missing": 0}), "{plan:#}");
    stage.nothing_left().await;

    // What we set last is still ours to set: after a restart, with a query that says no name, and changed meanwhile.
    stage.service.sigterm().await.unwrap();
    stage.edit(|config| enforced(config).replace("[profiles]\n", &format!("[profiles]\n{NAMELESS}\n")));
    pool.rename(&ada, "Ada Lovelace").await.unwrap();
    stage.start().await;
    assert_seen(&stage, &ada, "Ada Lovelace", &["invite", "join", "join", "join"]).await;
    // Until she chooses herself.
    let client = Person::login(&stage.bed.synapse, &ada).await.unwrap();
    client.client.account().set_display_name(Some("Countess")).await.unwrap();
    pool.rename(&ada, "Ada King").await.unwrap();
    until_listed(&stage, 2).await;
    stage.quiet().await;
    assert_seen(&stage, &ada, "Countess", &["invite", "join", "join", "join", "join"]).await;
    assert_seen(&stage, &ben, "Benedict", &["invite", "join", "join"]).await;
    assert_eq!(stage.ledger_done("set_display_name").await, 1, "of one person alone");
    for name in ["Byron", "Lovelace", "Bitdiddle"] {
        assert!(!stage.service.log().contains(name), "nobody's name is in the log");
    }
    stage.nothing_left().await;
}
