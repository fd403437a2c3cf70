//! The Staff room: rooms that were replaced are followed from there, and so is the Staff room itself.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Connection;
use testbed::{Effect, Matching, SynapseVersion, wait_until};

use crate::follow::{newest, upgrade};
use crate::staff_held::held;
use crate::staff_support::{StaffStage, closed, open};
use crate::support::{SOON, Settings, subject, subjects};

crate::on_both_versions!(
    a_replaced_room_is_followed_from_the_staff_room_with_everyone,
    the_staff_room_itself_is_followed_and_what_lasts_comes_along,
);

crate::on_one_version!(
    who_moves_the_staff_room_is_answered_although_the_desk_moves_meanwhile,
    a_staff_room_that_was_left_and_is_broken_keeps_nothing_from_the_new_one,
);

/// What the bot has posted about something, edits left out.
async fn posts(staff: &StaffStage, about: &str) -> Vec<Value> {
    let mut said = staff.said().await;
    said.retain(|event| {
        event["content"].get("m.relates_to").is_none() && event["content"]["body"].as_str().unwrap().contains(about)
    });
    said
}

async fn a_replaced_room_is_followed_from_the_staff_room_with_everyone(version: SynapseVersion) {
    let staff = open(version, Settings { notify: true, ..Settings::default() }).await;
    let (people, old) = (subjects(3), staff.stage.analysts.clone());
    for sub in &people {
        staff.stage.hasura.add(sub, "analysts", "member").await.unwrap();
    }
    for sub in &people {
        staff.stage.until(&old, sub, "join", SOON).await;
    }
    let new = upgrade(&staff.stage, &old, newest(version)).await;
    let alert = staff.posted("analysts was replaced").await;
    assert!(staff.now_says(&alert).await.contains(&new));
    let late = subject();
    staff.stage.hasura.add(&late, "analysts", "member").await.unwrap();

    let answer = staff.ask(&staff.lead, "!provisioner follow analysts").await;
    insta::assert_snapshot!("follow", staff.forms(&answer));
    for sub in people.iter().chain([&late]) {
        staff.stage.until(&new, sub, "join", SOON).await;
    }
    staff.until_says(&alert, &["Over: analysts is enforced"]).await;
    assert_eq!(posts(&staff, "analysts was replaced").await.len(), 1);
    for sub in &people {
        assert_eq!(staff.stage.membership(&old, sub).await, "join", "nobody is removed from the dead room");
    }
    let answer = staff.ask(&staff.lead, "!provisioner follow analysts").await;
    assert!(answer["body"].as_str().unwrap().contains("was not replaced"), "{answer:#}");
    let history = staff.stage.service.run_cli(&["history", "--json", "--room", "analysts"]).await.unwrap();
    let history = history.json().unwrap();
    let line = history.as_array().unwrap().iter().find(|line| line["kind"] == "follow").unwrap();
    assert!(line["cause"].as_str().unwrap().contains(&format!("command of {}", staff.lead.mxid)), "{line:#}");
    staff.stage.nothing_left().await;
}

async fn the_staff_room_itself_is_followed_and_what_lasts_comes_along(version: SynapseVersion) {
    let mut staff = closed(version, Settings::default()).await;
    let old = staff.stage.staff.clone();
    staff.start().await;
    // An upgrade takes their voice in the old room from all who have no level there.
    let mut levels = staff.stage.admin.state(&old, "m.room.power_levels", "").await.unwrap().unwrap();
    levels["users"][&staff.lead.mxid] = json!(50);
    staff.stage.admin.send_state(&old, "m.room.power_levels", "", levels).await.unwrap();
    upgrade(&staff.stage, &staff.stage.analysts, newest(version)).await;
    let lasting = staff.posted("analysts was replaced").await;
    let new = upgrade(&staff.stage, &old, newest(version)).await;
    let alert = staff.posted("staff was replaced").await;
    insta::assert_snapshot!("the_staff_room_was_replaced", staff.plain(&staff.now_says(&alert).await));

    let answer = staff.ask(&staff.lead, "!provisioner follow staff").await;
    insta::assert_snapshot!("follow_the_staff_room", staff.forms(&answer));
    for sub in [&staff.lead_sub, &staff.member_sub] {
        staff.stage.until(&new, sub, "join", SOON).await;
    }
    // What is said there at once waits for the bot to have moved.
    let early = staff.lead.send_text(&new, "!provisioner plan").await.unwrap().to_string();
    staff.until_says(&alert, &["Over: staff is enforced"]).await;
    staff.until_says(&lasting, &["Told in the new room from now on: ", "analysts was replaced"]).await;
    let unheard = staff.say(&staff.lead, "!provisioner pause").await;
    staff.stage.staff.clone_from(&new);
    let plan = staff.answer(&early).await;
    assert!(plan["body"].as_str().unwrap().starts_with("Nothing to do."), "{plan:#}");
    staff.posted("analysts was replaced").await;
    assert_eq!(posts(&staff, "was replaced").await.len(), 1);
    let status = staff.ask(&staff.lead, "!provisioner status").await;
    let status = status["body"].as_str().unwrap();
    assert!(status.starts_with("Running, but "), "{status}");
    assert!(status.contains("!provisioner follow analysts moves its policy there"), "{status}");
    assert!(
        matches!(staff.state(&unheard).await.as_deref(), None | Some("ignored")),
        "the old room is not listened to"
    );
    staff.stage.nothing_left().await;
}

/// The desk looks every five seconds whether it has to move.
const A_LOOK_OF_THE_DESK: Duration = Duration::from_millis(5_500);

async fn who_moves_the_staff_room_is_answered_although_the_desk_moves_meanwhile(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    let old = staff.stage.staff.clone();
    let mut levels = staff.stage.admin.state(&old, "m.room.power_levels", "").await.unwrap().unwrap();
    levels["users"][&staff.lead.mxid] = json!(50);
    staff.stage.admin.send_state(&old, "m.room.power_levels", "", levels).await.unwrap();
    upgrade(&staff.stage, &old, newest(version)).await;
    staff.posted("staff was replaced").await;

    // The move is recorded, and that the command has ended cannot be for a while.
    let held = staff.stage.proxy.fault(Matching::any().method("GET").path(&old), Effect::Hold);
    let said = staff.say(&staff.lead, "!provisioner follow staff").await;
    wait_until("it is begun", SOON, async || staff.state(&said).await.as_deref() == Some("taken")).await.unwrap();
    let mut database = staff.stage.connect().await;
    let mut row = database.begin().await.unwrap();
    let lock = "SELECT FROM provisioner.commands WHERE event_id = $1 FOR UPDATE";
    sqlx::query(lock).bind(&said).execute(&mut *row).await.unwrap();
    held.lift();
    wait_until("the move is recorded", SOON, async || {
        let follows = "SELECT count(*) FROM provisioner.follows";
        sqlx::query_scalar::<_, i64>(follows).fetch_one(&mut staff.stage.connect().await).await.unwrap() == 1
    })
    .await
    .unwrap();
    tokio::time::sleep(A_LOOK_OF_THE_DESK).await;
    row.rollback().await.unwrap();
    let answer = staff.answer(&said).await;
    assert!(answer["body"].as_str().unwrap().starts_with("Followed: "), "{answer:#}");
}

async fn a_staff_room_that_was_left_and_is_broken_keeps_nothing_from_the_new_one(version: SynapseVersion) {
    let (mut staff, _) = held(version).await;
    let old = staff.stage.staff.clone();
    staff.posted("3 people would").await;
    let new = upgrade(&staff.stage, &old, newest(version)).await;
    staff.posted("staff was replaced").await;
    let send = Matching::any().method("PUT").path(&format!("/rooms/{old}/send/"));
    let failure = json!({"errcode": "M_UNKNOWN", "error": "Internal server error"});
    let broken = staff.stage.proxy.fault(send, Effect::Answer(500, failure));
    let done = staff.stage.service.run_cli(&["follow", "staff"]).await.unwrap();
    assert_eq!(done.status, Some(0), "{done:?}");
    staff.stage.staff.clone_from(&new);
    staff.posted("3 people would").await;
    // What is told of from now on waits for no edit in the old room.
    upgrade(&staff.stage, &staff.stage.red, newest(version)).await;
    staff.posted("red-room was replaced").await;
    wait_until("nothing is kept of the old room", SOON, async || {
        let kept = "SELECT (SELECT count(*) FROM provisioner.alerts WHERE room_id = $1)
                         + (SELECT count(*) FROM provisioner.held_posts WHERE room_id = $1 AND state = 'open')";
        sqlx::query_scalar::<_, i64>(kept).bind(&old).fetch_one(&mut staff.stage.connect().await).await.unwrap() == 0
    })
    .await
    .unwrap();
    assert!(broken.hits() >= 2, "the message and the alert were edited, or tried to be");
}
