//! What another server can send that no Synapse would, between two real servers: each costs itself, and nothing else.

use serde_json::json;
use testbed::{Draft, Federation, SynapseVersion, wait_until};

use crate::federation_support::{Outsider, stage, with_moderator};
use crate::support::{SOON, Settings, subject};

crate::on_one_version!(
    an_event_that_says_how_old_it_is_is_taken_at_once_whatever_it_says,
    an_event_from_before_all_time_costs_itself_only,
    a_membership_that_another_servers_fork_takes_away_is_settled_without_a_restart,
);

/// Three hundred years in milliseconds.
const AGES: i64 = 10_000_000_000_000;

async fn draft_join(federation: &Federation, room: &str, outsider: &Outsider) -> Draft {
    federation.hostile.draft("join", room, &outsider.mxid).await.unwrap()
}

async fn an_event_that_says_how_old_it_is_is_taken_at_once_whatever_it_says(version: SynapseVersion) {
    // The next resync is in an hour.
    let (federation, stage) = stage(version, Settings::default()).await;
    stage.open_to_all(&stage.staff).await;
    stage.start_with_staff(1).await;
    stage.quiet().await;
    for age in [AGES, -AGES] {
        let outsider = Outsider::of(&federation).await;
        let mut draft = draft_join(&federation, &stage.staff, &outsider).await;
        draft.event["unsigned"] = json!({"age": age});
        let sent = federation.hostile.send(vec![draft]).await.unwrap();
        stage.until_is(&stage.staff, &outsider.mxid, "leave").await;
        let mut told = None;
        wait_until("the server under test tells the event's age", SOON, async || {
            told = stage.event(&stage.staff, &sent[0]).await["unsigned"]["age"].as_i64();
            told.is_some()
        })
        .await
        .unwrap();
        let told = told.unwrap();
        assert!((told - age).abs() < AGES / 1_000, "Synapse passes on what it was told: {told}");
    }
    stage.nothing_left().await;
}

async fn an_event_from_before_all_time_costs_itself_only(version: SynapseVersion) {
    let (federation, stage, moderator) = with_moderator(version, &["room_state"], "topic = \"Work\"").await;
    for room in [&stage.red, &stage.staff] {
        stage.open_to_all(room).await;
    }
    assert!(moderator.joins(&stage.staff).await);
    stage.edit_levels(|levels| levels["users"][&moderator.mxid] = json!(50)).await;
    stage.start_with_staff(1).await;
    stage.until_setting("m.room.topic", "topic", "Work").await;
    stage.quiet().await;
    stage.proxy.clear();

    // Of three in one transaction, the one in the middle is from before all time.
    for (room, becomes) in [(&stage.staff, "leave"), (&stage.red, "join")] {
        let mut outsiders = Vec::new();
        let mut drafts = Vec::new();
        for ts in [None, Some(-5), None] {
            let outsider = Outsider::of(&federation).await;
            let mut draft = draft_join(&federation, room, &outsider).await;
            if let Some(ts) = ts {
                draft.event["origin_server_ts"] = json!(ts);
            }
            drafts.push(draft);
            outsiders.push(outsider.mxid);
        }
        let sent = federation.hostile.send(drafts).await.unwrap();
        for outsider in &outsiders {
            stage.until_handled(outsider, "join").await;
            stage.until_is(room, outsider, becomes).await;
        }
        assert_eq!(stage.event(room, &sent[1]).await["origin_server_ts"], -5);
    }

    let mut draft = federation.hostile.draft("leave", &stage.staff, &moderator.mxid).await.unwrap();
    for (key, value) in [
        ("type", json!("m.room.topic")),
        ("state_key", json!("")),
        ("content", json!({"topic": "Play"})),
        ("origin_server_ts", json!(-5)),
    ] {
        draft.event[key] = value;
    }
    federation.hostile.send(vec![draft]).await.unwrap();
    let repaired = async || {
        let lines = stage.history_of_settings().await;
        lines.iter().any(|one| one["before"] == "Play" && one["outcome"] == "done")
    };
    wait_until("the topic is repaired", SOON, repaired).await.unwrap();
    stage.until_setting("m.room.topic", "topic", "Work").await;
    let whole = stage.proxy.count(|one| one.path.ends_with("/members"));
    assert_eq!(whole, 0, "no room is read for any of it: {:#?}", stage.proxy.requests());
    // Every room is read again, that in which such a member stays as well.
    let (status, report) = stage.apply().await;
    assert_eq!(status, 0, "{report:#}");
    stage.nothing_left().await;
}

async fn a_membership_that_another_servers_fork_takes_away_is_settled_without_a_restart(version: SynapseVersion) {
    let settings = Settings { resync_interval: "2s", ..Settings::default() };
    let (federation, stage) = stage(version, settings).await;
    let (mallory, guest) = (Outsider::of(&federation).await, Outsider::of(&federation).await);
    stage.start_with_staff(1).await;
    stage.admin.invite(&stage.red, &mallory.mxid).await.unwrap();
    assert!(mallory.joins(&stage.red).await);
    stage.until_handled(&mallory.mxid, "join").await;

    // She will have left before she invited anybody.
    let left = federation.hostile.draft("leave", &stage.red, &mallory.mxid).await.unwrap();
    mallory.hands.invite(&stage.red, &guest.mxid).await.unwrap();
    stage.until_handled(&guest.mxid, "invite").await;
    let path = format!("/state/m.room.member/{}", guest.mxid);
    let asked = || stage.proxy.count(|one| one.is("GET", &path));
    // What another server did is asked for; pushed while the room is read, it is in that reading.
    let read = || stage.proxy.count(|one| one.path.ends_with("/members"));
    let read_whole = read() + 2;
    let known = async || asked() > 0 || read() >= read_whole;
    wait_until("the invitation was asked for or read", SOON, known).await.unwrap();
    let before = asked();
    federation.hostile.send(vec![left]).await.unwrap();
    stage.until_is(&stage.red, &mallory.mxid, "leave").await;
    stage.until_is(&stage.red, &guest.mxid, "none").await;

    wait_until("they were looked for", SOON, async || asked() > before).await.unwrap();
    stage.service.wait_ready().await.unwrap();
    let (sub, joins) = (subject(), stage.joins());
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.hook().await;
    stage.until(&stage.red, &sub, "join", SOON).await;
    assert!(stage.joins() > joins, "the room is enforced");
    stage.nothing_left().await;
}
