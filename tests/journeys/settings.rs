//! Room settings: what somebody drifts is repaired, with who did it in the ledger; what nobody configured is left alone.

use reqwest::Method;
use serde_json::{Value, json};
use testbed::{Admin, NewRoom, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject};
use crate::{on_both_versions, on_one_version};

on_both_versions!(
    drift_is_repaired_and_who_drifted_is_in_the_ledger,
    a_redacted_setting_is_set_again,
    a_setting_that_the_bot_may_not_send_is_said_with_its_mend,
);

on_one_version!(observed_settings_are_counted_and_never_written);

pub(crate) const LINES: &str = r#"name = "The Staff Room"
topic = "Work"
join_rule = "invite"
history_visibility = "shared"
guest_access = "forbidden""#;

fn room_versions(version: SynapseVersion) -> &'static [&'static str] {
    match version {
        SynapseVersion::V1_105 => &["10"],
        SynapseVersion::V1_163 => &["10", "12"],
    }
}

pub(crate) async fn stage(version: SynapseVersion, room_version: &str, mode: &str, lines: &str) -> Stage {
    let mut stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    let room = NewRoom { version: Some(room_version.to_owned()), ..NewRoom::default() };
    stage.staff = stage.admin.create_room_with(&stage.bot, room).await.unwrap();
    stage.edit(|config| {
        let (removals, members) = ("removals = \"enforce\"\n", "members = [{ team = \"staff\" }]\n");
        let config = config.replace(removals, &format!("{removals}room_state = \"{mode}\"\n"));
        config.replace(members, &format!("{members}{lines}\n"))
    });
    stage
}

impl Stage {
    pub(crate) async fn setting(&self, kind: &str) -> Value {
        self.admin.state(&self.staff, kind, "").await.unwrap().unwrap_or_default()
    }

    pub(crate) async fn until_setting(&self, kind: &str, key: &str, value: &str) {
        let what = format!("{kind} has {key} = {value}");
        wait_until(&what, SOON, async || self.setting(kind).await[key] == value).await.unwrap();
    }

    pub(crate) async fn drift(&self, kind: &str, content: Value) -> String {
        self.admin.send_state(&self.staff, kind, "", content).await.unwrap()
    }

    /// Redacts what the room has now of this state, as somebody else than the bot. Answers which event it was.
    pub(crate) async fn redact(&self, kind: &str) -> String {
        self.redact_as(&self.admin, &self.staff, kind).await
    }

    pub(crate) async fn redact_as(&self, somebody: &Admin, room: &str, kind: &str) -> String {
        let state = self.admin.all_state(room).await.unwrap();
        let event = state.iter().find(|event| event["type"] == kind).unwrap()["event_id"].as_str().unwrap().to_owned();
        let (room, nonce) = (room.replace('!', "%21").replace(':', "%3A"), subject());
        let path = format!("/_matrix/client/v3/rooms/{room}/redact/{}/{nonce}", event.replace('$', "%24"));
        somebody.call(Method::PUT, &path, Some(json!({"reason": "a test"}))).await.unwrap();
        event
    }

    fn setting_writes(&self) -> usize {
        self.proxy.count(|request| request.is("PUT", "/state/m.room."))
    }

    pub(crate) async fn history_of_settings(&self) -> Vec<Value> {
        let history = self.service.run_cli(&["history", "--room", "staff", "--json"]).await.unwrap().json().unwrap();
        let lines = history.as_array().unwrap().iter();
        lines.filter(|line| line["kind"] == "set_room_state").cloned().collect()
    }
}

async fn drift_is_repaired_and_who_drifted_is_in_the_ledger(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let stage = stage(version, room_version, "enforce", LINES).await;
        stage.start().await;
        stage.until_setting("m.room.name", "name", "The Staff Room").await;
        stage.until_setting("m.room.topic", "topic", "Work").await;
        stage.until_setting("m.room.guest_access", "guest_access", "forbidden").await;
        stage.quiet().await;
        stage.proxy.clear();

        // Other keys are the drifter's own; the topic in other formats would contradict ours.
        stage.drift("m.room.name", json!({"name": "Party", "org.example.x": [1]})).await;
        stage.until_setting("m.room.name", "name", "The Staff Room").await;
        stage.quiet().await;
        assert_eq!(stage.setting("m.room.name").await["org.example.x"], json!([1]));
        let requests: Vec<_> = stage.proxy.requests().into_iter().map(|one| one.method).collect();
        assert_eq!(requests, ["GET", "PUT"], "a change costs one read and one write");
        let line = &stage.history_of_settings().await[0];
        assert_eq!((&line["before"], &line["after"]), (&json!("Party"), &json!("The Staff Room")), "{line:#}");
        assert!(line["cause"].as_str().unwrap().contains(&stage.admin.mxid), "{line:#}");

        let html = json!({"topic": "Play", "m.topic": {"m.text": [{"body": "Play"}]}, "org.example.y": 2});
        stage.drift("m.room.topic", html).await;
        stage.until_setting("m.room.topic", "topic", "Work").await;
        assert_eq!(stage.setting("m.room.topic").await, json!({"topic": "Work", "org.example.y": 2}));
        stage.drift("m.room.join_rules", json!({"join_rule": "public"})).await;
        stage.until_setting("m.room.join_rules", "join_rule", "invite").await;
        stage.drift("m.room.history_visibility", json!({"history_visibility": "world_readable"})).await;
        stage.until_setting("m.room.history_visibility", "history_visibility", "shared").await;

        stage.quiet().await;
        let writes = stage.setting_writes();
        let (status, report) = stage.apply().await;
        assert_eq!((status, &report["done"]), (0, &json!(0)), "{report:#}");
        assert_eq!(stage.setting_writes(), writes, "nothing drifted, nothing is sent");
        stage.nothing_left().await;
    }
}

async fn a_redacted_setting_is_set_again(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let stage = stage(version, room_version, "enforce", LINES).await;
        stage.start().await;
        for (kind, key, wanted) in [("m.room.name", "name", "The Staff Room"), ("m.room.topic", "topic", "Work")] {
            stage.until_setting(kind, key, wanted).await;
            stage.quiet().await;
            let event = stage.redact(kind).await;
            let what = format!("{kind} is written anew");
            let is_new = async || {
                let state = stage.admin.all_state(&stage.staff).await.unwrap();
                let now = state.iter().find(|event| event["type"] == kind).unwrap().clone();
                now["content"][key] == wanted && now["event_id"] != event.as_str()
            };
            wait_until(&what, SOON, is_new).await.unwrap();
            let line = &stage.history_of_settings().await[0];
            assert_eq!((&line["before"], &line["after"]), (&Value::Null, &json!(wanted)), "{line:#}");
            let cause = line["cause"].as_str().unwrap();
            assert!(cause.contains(&format!("{} redacted", stage.admin.mxid)), "{line:#}");
        }
        stage.nothing_left().await;
    }
}

async fn observed_settings_are_counted_and_never_written(version: SynapseVersion) {
    let stage = stage(version, "10", "observe", LINES).await;
    stage.start().await;
    let drift = r#"provisioner_drift{kind="set_room_state",room="staff"}"#;
    wait_until("the drift is counted", SOON, async || stage.metric(drift).await >= 2.0).await.unwrap();
    stage.apply().await;
    assert_eq!(stage.setting_writes(), 0);
    let lines = stage.history_of_settings().await;
    assert!(lines.iter().all(|line| line["outcome"] == "observed"), "{lines:#?}");
    assert_eq!(lines.len(), stage.plan().await.1["actions"].as_array().unwrap().len());
}

async fn a_setting_that_the_bot_may_not_send_is_said_with_its_mend(version: SynapseVersion) {
    let stage = stage(version, "10", "enforce", LINES).await;
    let mut levels = stage.setting("m.room.power_levels").await;
    levels["events"]["m.room.name"] = json!(100);
    levels["users"][&stage.bot.mxid] = json!(90);
    // Nobody at its own level can lower the bot but itself.
    stage.bot.send_state(&stage.staff, "m.room.power_levels", "", levels).await.unwrap();
    let person = subject();
    stage.hasura.add(&person, "staff", "member").await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["blocked"]), (0, &json!(1)), "{report:#}");
    assert_eq!(stage.setting("m.room.topic").await["topic"], "Work", "the other settings go on");
    assert_eq!(stage.membership(&stage.staff, &person).await, "join");
    let (_, plan) = stage.plan().await;
    let because = plan["blocked"][0]["because"].as_str().unwrap();
    assert!(because.contains("m.room.name takes 100") && because.contains("bootstrap"), "{plan:#}");
    stage.drift("m.room.join_rules", json!({"join_rule": "private"})).await;
    assert_eq!(stage.apply().await.0, 0);
    assert_eq!(stage.setting("m.room.join_rules").await["join_rule"], "invite");
    stage.nothing_left().await;
}
