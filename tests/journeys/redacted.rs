//! Rooms whose state was redacted: Synapse 1.105.1 never answers who asks for such an event whole. Everything that looks at
//! a room looks at these all the same.

use serde_json::{Value, json};
use testbed::{Output, SynapseVersion};

use crate::create_rooms;
use crate::power::{self, GRANTS, room_versions};
use crate::support::{Settings, Stage, subject};

crate::on_both_versions!(
    the_doctor_and_bootstrap_look_at_a_room_whose_state_was_redacted,
    a_tombstone_that_was_redacted_is_told_and_followed_nowhere,
    rooms_that_were_made_are_found_again_though_their_levels_were_redacted,
);

/// What fails of the doctor's checks, with what is said of it.
async fn failing(stage: &Stage) -> Vec<(String, String)> {
    found(stage, "fail").await
}

async fn found(stage: &Stage, status: &str) -> Vec<(String, String)> {
    let report = stage.service.run_cli(&["doctor", "--json"]).await.unwrap().json().unwrap();
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["status"] == status);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings.map(|one| (text(&one["check"]), format!("{} → {}", text(&one["text"]), text(&one["mend"])))).collect()
}

async fn bootstrap(stage: &Stage) -> Output {
    std::fs::write(stage.service.directory().join("shared-secret"), stage.bed.synapse.shared_secret()).unwrap();
    stage.service.run_cli(&["bootstrap", "--shared-secret-file", "shared-secret"]).await.unwrap()
}

async fn the_doctor_and_bootstrap_look_at_a_room_whose_state_was_redacted(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let stage = power::stage(version, room_version, Settings::default(), "enforce", GRANTS).await;
        for team in ["staff", "analysts"] {
            stage.hasura.add(&subject(), team, "member").await.unwrap();
        }
        stage.admin.send_state(&stage.staff, "m.room.name", "", json!({"name": "Staff"})).await.unwrap();
        for kind in ["m.room.name", "m.room.join_rules", "m.room.power_levels"] {
            stage.redact(kind).await;
        }
        // What levels say outlives a redaction, and so does the join rule.
        assert_eq!(failing(&stage).await, [], "room version {room_version}");
        let mended = bootstrap(&stage).await;
        assert_eq!(mended.status, Some(0), "{mended:?}");
        assert_eq!(stage.apply().await.0, 0);
        stage.nothing_left().await;
    }
}

async fn a_tombstone_that_was_redacted_is_told_and_followed_nowhere(version: SynapseVersion) {
    let stage = power::stage(version, "10", Settings::default(), "enforce", GRANTS).await;
    for team in ["staff", "analysts"] {
        stage.hasura.add(&subject(), team, "member").await.unwrap();
    }
    let tombstone = json!({"body": "moved", "replacement_room": stage.analysts});
    stage.admin.send_state(&stage.staff, "m.room.tombstone", "", tombstone).await.unwrap();
    stage.redact("m.room.tombstone").await;
    assert_eq!(failing(&stage).await, []);
    let found = found(&stage, "warn").await;
    let (_, said) = found.iter().find(|(check, _)| check == "tombstone").unwrap();
    assert!(said.contains("names no other room: the room is enforced as before"), "{said}");
    let refused = stage.refused(&["follow", "staff"]).await;
    assert!(refused.stderr.contains("names none"), "{refused:?}");
}

async fn rooms_that_were_made_are_found_again_though_their_levels_were_redacted(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let stage = create_rooms::empty(version).await;
        let first = create_rooms::create(&stage, room_version).await;
        assert_eq!(first.status, Some(0), "{first:?}");
        let rooms = create_rooms::printed(&first);
        let made = create_rooms::creations(&stage);
        for kind in ["m.room.power_levels", "m.room.name"] {
            stage.redact_as(&stage.bot, &rooms["red-room"], kind).await;
        }
        let again = create_rooms::create(&stage, room_version).await;
        assert_eq!((again.status, create_rooms::printed(&again)), (Some(0), rooms), "{again:?}");
        assert_eq!(create_rooms::creations(&stage), made, "no second room");
    }
}
