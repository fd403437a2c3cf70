//! What the doctor says of the bot beside its registration: whose accounts they are, who else speaks for it, and whether it
//! hears what happens.

use reqwest::Method;
use serde_json::json;
use testbed::{Effect, Matching, Person, SynapseVersion};

use crate::doctor_support::{fails, sound, stage};
use crate::support::Stage;

crate::on_both_versions!(
    a_synapse_with_mas_is_not_supported_and_said_to_be_so,
    devices_of_the_bots_own_are_told_of_until_they_are_ended,
    a_push_that_does_not_come_is_told_of,
);

/// Nothing else plays MAS here: Synapse leads to it at this path alone, and is itself without it.
async fn a_synapse_with_mas_is_not_supported_and_said_to_be_so(version: SynapseVersion) {
    let stage = stage(version).await;
    sound(&stage).await;
    let path = match version {
        SynapseVersion::V1_105 => "/_matrix/client/unstable/org.matrix.msc2965/auth_issuer",
        SynapseVersion::V1_163 => "/_matrix/client/v1/auth_metadata",
    };
    let issuer = json!({ "issuer": "https://account.example.org/" });
    stage.proxy.fault(Matching::any().path(path), Effect::Answer(200, issuer));
    let parts = ["https://account.example.org/", "does not support", "matrix_authentication_service"];
    let diagnosis = fails(&stage, "mas", &parts).await;
    assert_eq!(
        diagnosis.with("skip"),
        ["deployment", "paused", "token", "server_admin", "devices", "guests", "previews", "listener", "room"]
    );
    stage.proxy.clear_faults();
    sound(&stage).await;
}

async fn devices_of_the_bots_own_are_told_of_until_they_are_ended(version: SynapseVersion) {
    let stage = stage(version).await;
    assert_eq!(sound(&stage).await.said("devices"), "");
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let bot = Person::login(&stage.bed.synapse, &stage.slot.sender_localpart).await.unwrap();
        tokens.push(bot.client.access_token().unwrap());
    }
    let said = sound(&stage).await.said("devices");
    assert!(said.contains("2 devices of its own") && said.contains("docs/cut-over.md, step 9"), "{said}");

    // The first way: its device, by an admin.
    let devices = format!("/_synapse/admin/v2/users/{}/devices", stage.slot.bot);
    let listed = stage.admin.call(Method::GET, &devices, None).await.unwrap();
    let first = listed["devices"][0]["device_id"].as_str().unwrap();
    assert!(said.contains(first), "{said}");
    let delete = format!("/_synapse/admin/v2/users/{}/delete_devices", stage.slot.bot);
    assert!(said.contains(&delete), "{said}");
    stage.admin.call(Method::POST, &delete, Some(json!({ "devices": [first] }))).await.unwrap();
    assert!(sound(&stage).await.said("devices").contains("1 device of its own"));

    // The other: by the old token itself, whichever is left.
    for token in &tokens {
        let old = stage.admin.with_token(&stage.slot.bot, token);
        old.request(Method::POST, "/_matrix/client/v3/logout/all", Some(json!({}))).await.unwrap();
    }
    assert_eq!(sound(&stage).await.said("devices"), "");
    stage.bot.call(Method::GET, "/_matrix/client/v3/account/whoami", None).await.unwrap();
}

/// The newest membership of the staff room, as Synapse tells it.
async fn newest(stage: &Stage) -> String {
    let path = format!(
        "/_matrix/client/v3/rooms/{}/messages?dir=b&limit=1&filter=%7B%22types%22%3A%5B%22m.room.member%22%5D%7D",
        stage.staff
    );
    let page = stage.bot.call(Method::GET, &path, None).await.unwrap();
    page["chunk"][0]["event_id"].as_str().unwrap().to_owned()
}

async fn a_push_that_does_not_come_is_told_of(version: SynapseVersion) {
    let stage = stage(version).await;
    stage.start().await;
    stage.quiet().await;
    let diagnosis = sound(&stage).await;
    assert!(diagnosis.said("pushes").is_empty() && diagnosis.with("pass").contains(&"pushes"), "{:#?}", diagnosis.0);

    // As if it had happened ten minutes ago, and the room been heard of before.
    let messages = Matching::any().path(&format!("{}/messages", stage.staff));
    stage.proxy.fault(
        messages,
        Effect::rewrite(|mut page| {
            let sent = &mut page["chunk"][0]["origin_server_ts"];
            *sent = json!(sent.as_i64().unwrap() - 600_000);
            page
        }),
    );
    let mut database = stage.connect().await;
    let before = "UPDATE provisioner.inbox SET received_at = received_at - interval '1 hour' WHERE room_id = $1";
    sqlx::query(before).bind(&stage.staff).execute(&mut database).await.unwrap();
    assert_eq!(sound(&stage).await.said("pushes"), "", "it is late nowhere");

    // It never came.
    let event = newest(&stage).await;
    let delete = "DELETE FROM provisioner.inbox WHERE event_id = $1";
    let deleted = sqlx::query(delete).bind(&event).execute(&mut database).await.unwrap();
    assert_eq!(deleted.rows_affected(), 1);
    let said = sound(&stage).await.said("pushes");
    assert!(
        said.contains("has not pushed what happened last in staff (at ") && said.contains("restart Synapse"),
        "{said}"
    );
    // The same a moment after it happened.
    stage.proxy.clear_faults();
    assert_eq!(sound(&stage).await.said("pushes"), "");
}
