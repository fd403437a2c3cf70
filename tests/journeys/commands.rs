//! The command line against the real stack: who does the work, what is printed, and how it exits.

use serde_json::json;
use sqlx::Connection;
use testbed::{NewRoom, SynapseVersion};

use crate::support::{SOON, Settings, Stage, subject};

crate::on_both_versions!(
    apply_asks_a_running_service_and_works_alone_without_one,
    the_ledger_says_why_and_refuses_to_be_changed,
    bootstrap_makes_a_bot_that_can_work,
);

async fn apply_asks_a_running_service_and_works_alone_without_one(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let (alone, asked) = (subject(), subject());
    stage.hasura.add(&alone, "staff", "member").await.unwrap();
    assert_eq!(stage.plan().await.0, 2);
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"]), (0, &json!(3)), "{report:#}");
    assert_eq!(stage.membership(&stage.staff, &alone).await, "join");
    assert_eq!(stage.plan().await.0, 0);

    stage.start().await;
    stage.quiet().await;
    stage.hasura.add(&asked, "staff", "member").await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"]), (0, &json!(3)), "{report:#}");
    assert_eq!(stage.membership(&stage.staff, &asked).await, "join");
    assert!(stage.service.log().contains("pass ended"), "the running service did it");
    stage.nothing_left().await;
    let wrong = stage.service.run_cli(&["plan", "--jsn"]).await.unwrap();
    assert_eq!(wrong.status, Some(1), "2 would mean changes");
}

async fn the_ledger_says_why_and_refuses_to_be_changed(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let (sub, outsider) = (subject(), subject());
    stage.hasura.add(&sub, "staff", "lead").await.unwrap();
    stage.member(&stage.staff, &outsider).await;
    assert_eq!(stage.apply().await.0, 0);
    let history = async |user: &str| {
        let output = stage.service.run_cli(&["history", user, "--room", "staff", "--json"]).await.unwrap();
        output.json().unwrap()
    };
    let joined = history(&sub).await;
    assert_eq!(joined.as_array().unwrap().len(), 1, "{joined:#}");
    assert_eq!((&joined[0]["kind"], &joined[0]["outcome"]), (&json!("join"), &json!("done")));
    assert_eq!((&joined[0]["before"], &joined[0]["after"]), (&json!("none"), &json!("join")));
    assert_eq!(joined[0]["cause"], "the roster says lead of staff; selector { team = \"staff\" }");
    let removed = history(&stage.mxid(&outsider)).await;
    assert_eq!((&removed[0]["kind"], &removed[0]["cause"]), (&json!("remove"), &json!("no source names this user")));

    let mut database = sqlx::PgConnection::connect(&stage.database).await.unwrap();
    for change in [
        "UPDATE provisioner.ledger SET outcome = 'done'",
        "DELETE FROM provisioner.ledger",
        "TRUNCATE provisioner.ledger",
    ] {
        let refused = sqlx::query(change).execute(&mut database).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{change}: {refused}");
    }
}

async fn bootstrap_makes_a_bot_that_can_work(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings::default()).await;
    // Another slot, whose bot Synapse has never seen, and rooms it is not in.
    stage.slot = stage.bed.synapse.slot();
    for room in [&mut stage.red, &mut stage.staff, &mut stage.analysts] {
        *room = stage.admin.create_room(NewRoom::default()).await.unwrap();
    }
    stage.change(|_| {});
    let sub = subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    let (status, _) = stage.apply().await;
    assert_eq!(status, 1, "a bot that is nobody cannot work");

    let refused = stage.service.run_cli(&["bootstrap"]).await.unwrap();
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr.contains("--shared-secret-file"), "{refused:?}");
    let secret = stage.service.directory().join("shared-secret");
    std::fs::write(&secret, format!("{}\n", stage.bed.synapse.shared_secret())).unwrap();
    let done = stage.service.run_cli(&["bootstrap", "--shared-secret-file", secret.to_str().unwrap()]).await.unwrap();
    assert_eq!(done.status, Some(0), "{done:?}");
    let again = stage.service.run_cli(&["bootstrap"]).await.unwrap();
    assert_eq!(again.status, Some(0), "a second time changes nothing: {again:?}");
    let (status, report) = stage.apply().await;
    assert_eq!(status, 0, "{report:#}");
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.nothing_left().await;
}
