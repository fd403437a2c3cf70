//! People of another server in managed rooms, between two real servers.

use reqwest::Method;
use serde_json::{Value, json};
use testbed::{SynapseVersion, wait_until};

use crate::create_rooms;
use crate::federation_support::{Outsider, in_path, stage, with_moderator};
use crate::support::{SOON, Settings, Stage, newest_room_version};

crate::on_both_versions!(
    who_comes_from_another_server_is_removed_each_time_and_banned_at_the_third_return,
    who_comes_from_another_server_stays_where_who_is_not_listed_is_kept,
    what_a_moderator_of_another_server_changes_is_repaired_and_they_are_named,
    nobody_of_another_server_comes_into_a_room_made_without_federation,
);

async fn who_comes_from_another_server_is_removed_each_time_and_banned_at_the_third_return(version: SynapseVersion) {
    let (federation, stage) = stage(version, Settings::default()).await;
    stage.open_to_all(&stage.staff).await;
    let outsider = Outsider::of(&federation).await;
    stage.start_with_staff(1).await;
    let removals = async || {
        let lines = stage.ledger_of(&outsider.mxid).await;
        lines.into_iter().filter(|line| line["kind"] == "remove" && line["outcome"] == "done").collect::<Vec<Value>>()
    };
    for time in 1..=3 {
        assert!(outsider.joins(&stage.staff).await, "{time}");
        stage.until_is(&stage.staff, &outsider.mxid, "leave").await;
        wait_until("it is in the ledger", SOON, async || removals().await.len() == time).await.unwrap();
        outsider.until_out(&stage.staff).await;
    }
    assert!(outsider.joins(&stage.staff).await, "the third time that they come back");
    stage.until_is(&stage.staff, &outsider.mxid, "ban").await;
    outsider.until_out(&stage.staff).await;
    assert!(!outsider.joins(&stage.staff).await);
    wait_until("the ban is in the ledger", SOON, async || removals().await.len() == 4).await.unwrap();
    let lines = removals().await;
    assert_eq!(lines[0]["after"], "ban", "{lines:#?}");
    assert!(lines[0]["cause"].as_str().unwrap().contains("for the third time within an hour"), "{lines:#?}");
    stage.nothing_left().await;
}

async fn who_comes_from_another_server_stays_where_who_is_not_listed_is_kept(version: SynapseVersion) {
    let (federation, stage) = stage(version, Settings::default()).await;
    let outsider = Outsider::of(&federation).await;
    stage.start_with_staff(1).await;
    stage.admin.invite(&stage.red, &outsider.mxid).await.unwrap();
    assert!(outsider.joins(&stage.red).await);
    stage.until_handled(&outsider.mxid, "join").await;
    stage.nothing_left().await;
    outsider.leave(&stage.red).await;
    stage.until_handled(&outsider.mxid, "leave").await;
    stage.nothing_left().await;
    assert_eq!(stage.ledger_of(&outsider.mxid).await, [Value::Null; 0]);
    let about_them = stage.proxy.count(|one| one.method != "GET" && one.body["user_id"] == outsider.mxid.as_str());
    assert_eq!(about_them, 0);
}

/// They have their level by hand, in a room where that is left alone.
async fn moderated(version: SynapseVersion) -> (Stage, Outsider) {
    let enforced = ["room_state", "power_levels"];
    let (_, stage, moderator) =
        with_moderator(version, &enforced, "name = \"The Staff Room\"\nlevels = { kick = 60 }").await;
    stage.admin.invite(&stage.staff, &moderator.mxid).await.unwrap();
    assert!(moderator.joins(&stage.staff).await);
    stage
        .edit_levels(|levels| {
            levels["users"][&moderator.mxid] = json!(90);
            levels["events"]["m.room.power_levels"] = json!(90);
            levels["events"]["m.room.name"] = json!(90);
        })
        .await;
    stage.start_with_staff(1).await;
    (stage, moderator)
}

async fn what_a_moderator_of_another_server_changes_is_repaired_and_they_are_named(version: SynapseVersion) {
    const LEVELS: &str = "m.room.power_levels";
    const NAME: &str = "m.room.name";
    let (stage, moderator) = moderated(version).await;
    let theirs = async |kind: &str, key: &str| moderator.state(&stage.staff, kind).await[key].clone();
    let until_repaired = async || {
        stage.until_setting(NAME, "name", "The Staff Room").await;
        let is_kick = async || stage.levels().await["kick"] == 60 && theirs(LEVELS, "kick").await == 60;
        wait_until("kick has its level on both servers", SOON, is_kick).await.unwrap();
        let is_named = async || theirs(NAME, "name").await == "The Staff Room";
        wait_until("their server has the name", SOON, is_named).await.unwrap();
    };
    until_repaired().await;
    let mut levels = moderator.state(&stage.staff, LEVELS).await;
    levels["kick"] = json!(0);
    moderator.hands.send_state(&stage.staff, LEVELS, "", levels).await.unwrap();
    wait_until("the level is repaired", SOON, async || stage.history_of_levels().await.len() == 2).await.unwrap();
    until_repaired().await;
    let line = stage.history_of_levels().await.remove(0);
    assert!(line["cause"].as_str().unwrap().contains(&moderator.mxid), "{line:#}");

    for time in 1..=5 {
        until_repaired().await;
        let content = json!({"name": format!("Party {time}")});
        moderator.hands.send_state(&stage.staff, NAME, "", content).await.unwrap();
        // The first repair, at the start, is of nobody's change.
        let repairs = async || stage.history_of_settings().await.iter().filter(|one| one["outcome"] == "done").count();
        if time < 5 {
            wait_until("the name is repaired", SOON, async || repairs().await == time + 1).await.unwrap();
            let line = stage.history_of_settings().await.remove(0);
            assert!(line["cause"].as_str().unwrap().contains(&moderator.mxid), "{line:#}");
        }
    }
    let told = format!("set_room_state is no longer repeated: undone 5 times in 10 minutes by {}", moderator.mxid);
    stage.until_logged(&told).await;
    stage.nothing_left().await;
}

async fn nobody_of_another_server_comes_into_a_room_made_without_federation(version: SynapseVersion) {
    let (federation, mut stage) = stage(version, Settings::default()).await;
    std::fs::write(stage.service.directory().join("shared-secret"), stage.bed.synapse.shared_secret()).unwrap();
    let outsider = Outsider::of(&federation).await;
    for (line, federates) in [("federate = true\n", true), ("", false)] {
        let (key, before) = (format!("room-{federates}"), stage.config());
        // The room has no id: it is made.
        let rooms = |id: &str| {
            let (others, _) = before.split_once("[[rooms]]").unwrap();
            format!("{others}[[rooms]]\nkey = \"{key}\"\n{id}members = [\"everyone\"]\njoin_rule = \"public\"\n{line}")
        };
        stage.edit(|_| rooms(""));
        let made = create_rooms::create(&stage, newest_room_version(version)).await;
        let room = create_rooms::printed(&made)[&key].clone();
        assert_eq!(outsider.joins(&room).await, federates, "it is public");
        stage.edit(|_| rooms(&format!("id = \"{room}\"\n")));
        if !federates {
            let invitation = json!({"user_id": outsider.mxid});
            let path = format!("/_matrix/client/v3/rooms/{}/invite", in_path(&room));
            let (status, answer) = stage.bot.request(Method::POST, &path, Some(invitation)).await.unwrap();
            assert_eq!(status, 403, "{answer}");
            stage.nothing_left().await;
        }
    }
}
