//! NUL in the state of a room: Synapse takes it, and Postgres takes it in no text. It costs neither that room nor the others
//! anything.

use serde_json::{Value, json};
use testbed::{SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject};
use crate::{on_both_versions, on_one_version, power, settings};

on_both_versions!(
    a_topic_and_a_tombstone_with_nul_stop_nothing_and_the_topic_is_set_right,
    levels_of_names_that_nobody_can_have_are_taken_back_and_stop_nothing,
);

on_one_version!(a_topic_with_nul_that_is_observed_stops_nothing);

const TOPIC: &str = "m.room.topic";

/// Somebody of staff who is not the last one of it.
async fn of_staff(stage: &Stage) -> String {
    for _ in 0..2 {
        stage.hasura.add(&subject(), "staff", "member").await.unwrap();
    }
    let goes = subject();
    stage.hasura.add(&goes, "staff", "member").await.unwrap();
    goes
}

/// A row that comes is a join in another room, and one that goes is a removal.
async fn others_go_on(stage: &Stage, goes: &str) {
    let comes = subject();
    stage.hasura.add(&comes, "analysts", "member").await.unwrap();
    stage.hasura.remove(goes, "staff").await.unwrap();
    stage.until(&stage.analysts, &comes, "join", SOON).await;
    stage.until(&stage.staff, goes, "leave", SOON).await;
}

async fn a_topic_and_a_tombstone_with_nul_stop_nothing_and_the_topic_is_set_right(version: SynapseVersion) {
    let stage = settings::stage(version, "10", "enforce", settings::LINES).await;
    let goes = of_staff(&stage).await;
    stage.start().await;
    stage.until(&stage.staff, &goes, "join", SOON).await;
    stage.until_setting(TOPIC, "topic", "Work").await;
    stage.quiet().await;

    stage.drift(TOPIC, json!({"topic": "a\0b"})).await;
    stage.until_setting(TOPIC, "topic", "Work").await;
    let nowhere = json!({"body": "moved", "replacement_room": "!a\0b:elsewhere.test"});
    stage.admin.send_state(&stage.analysts, "m.room.tombstone", "", nowhere).await.unwrap();
    // What is told of it is kept for who asked.
    wait_until("the tombstone is told of", SOON, async || {
        stage.apply().await.1["notices"].to_string().contains("names !a\u{fffd}b:elsewhere.test")
    })
    .await
    .unwrap();
    others_go_on(&stage, &goes).await;
    let line = &stage.history_of_settings().await[0];
    let (before, after) = (json!("a\u{fffd}b"), json!("Work"));
    assert_eq!((&line["before"], &line["after"], &line["outcome"]), (&before, &after, &json!("done")), "{line:#}");
    stage.nothing_left().await;
}

async fn a_topic_with_nul_that_is_observed_stops_nothing(version: SynapseVersion) {
    let stage = settings::stage(version, "10", "observe", r#"topic = "Work""#).await;
    let goes = of_staff(&stage).await;
    stage.drift(TOPIC, json!({"topic": "Work"})).await;
    stage.start().await;
    stage.until(&stage.staff, &goes, "join", SOON).await;

    stage.drift(TOPIC, json!({"topic": "a\0b"})).await;
    let drift = r#"provisioner_drift{kind="set_room_state",room="staff"}"#;
    wait_until("the drift is counted", SOON, async || stage.metric(drift).await >= 1.0).await.unwrap();
    others_go_on(&stage, &goes).await;
    let lines = stage.history_of_settings().await;
    let told: Vec<_> = lines.iter().map(|line| (&line["before"], &line["outcome"])).collect();
    assert_eq!(told, [(&json!("a\u{fffd}b"), &json!("observed"))], "{lines:#?}");
    assert_eq!(stage.setting(TOPIC).await["topic"], "a\0b");
}

async fn levels_of_names_that_nobody_can_have_are_taken_back_and_stop_nothing(version: SynapseVersion) {
    let stage = power::stage(version, "10", Settings::default(), "enforce", power::GRANTS).await;
    let goes = of_staff(&stage).await;
    stage.start().await;
    stage.until(&stage.staff, &goes, "join", SOON).await;
    stage.quiet().await;

    // No two signs are alike, so that Postgres cannot compress it to what an index takes.
    let long: String = (0x4e00..0x5600).filter_map(char::from_u32).collect();
    let names = ["@a\0b:elsewhere.test".to_owned(), format!("@{long}:elsewhere.test")];
    stage
        .edit_levels(|levels| {
            let users = levels["users"].as_object_mut().unwrap();
            users.extend(names.iter().map(|name| (name.clone(), json!(50))));
        })
        .await;
    wait_until("their levels are taken back", SOON, async || {
        let levels = stage.levels().await;
        names.iter().all(|name| levels["users"].get(name).is_none())
    })
    .await
    .unwrap();
    others_go_on(&stage, &goes).await;
    let line = &stage.history_of_levels().await[0];
    let kept = "@a\u{fffd}b:elsewhere.test";
    assert_eq!((&line["before"][kept], &line["after"][kept]), (&json!(50), &Value::Null), "{line:#}");
    assert!(line["cause"].as_str().unwrap().contains(&format!("{kept} from 50 to the default")), "{line:#}");
    stage.nothing_left().await;
}
