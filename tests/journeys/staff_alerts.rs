//! The Staff room: alerts, long answers, and names that would deceive.

use serde_json::{Value, json};
use testbed::{Effect, Matching, SynapseVersion, wait_until};

use crate::staff_support::{StaffStage, closed, open};
use crate::support::{SOON, Settings, subject, subjects};

crate::on_one_version!(
    a_room_that_is_lost_is_one_message_until_it_is_back,
    a_tombstone_to_nowhere_is_told_of_with_its_sender,
    a_long_plan_is_cut_and_says_how_to_see_the_rest,
    a_hostile_name_is_inert_wherever_it_shows,
    an_alert_is_brought_up_to_date_although_synapse_fails_at_first,
);

async fn a_room_that_is_lost_is_one_message_until_it_is_back(version: SynapseVersion) {
    let staff = open(version, Settings { resync_interval: "3s", ..Settings::default() }).await;
    let leave = format!("/_matrix/client/v3/rooms/{}/leave", staff.stage.analysts);
    staff.stage.bot.call(reqwest::Method::POST, &leave, Some(json!({}))).await.unwrap();
    let alert = staff.posted("analysts cannot be read").await;
    insta::assert_snapshot!("alert", staff.plain(&staff.now_says(&alert).await));
    // It lasts over further readings, and a restart.
    further_passes(&staff).await;
    staff.stage.service.sigterm().await.unwrap();
    staff.stage.service.start_again().unwrap();
    staff.stage.until_not_ready(&["analysts"]).await;
    further_passes(&staff).await;
    // Alerts are posted one after the other: with a later one there, none before it is still to come.
    let tombstone = json!({"body": "moved", "replacement_room": "!new:phenom.test"});
    staff.stage.admin.send_state(&staff.stage.red, "m.room.tombstone", "", tombstone).await.unwrap();
    staff.posted("a tombstone for room red-room").await;
    assert_eq!(staff.posted("analysts cannot be read").await, alert, "it is told once");
    staff.stage.admin.invite(&staff.stage.analysts, &staff.stage.slot.bot).await.unwrap();
    staff.stage.bot.join(&staff.stage.analysts).await.unwrap();
    staff.until_says(&alert, &["Over: analysts can be read again"]).await;
    let about: Vec<Value> =
        staff.said().await.into_iter().filter(|event| event.to_string().contains("analysts")).collect();
    assert_eq!(about.len(), 2, "one message and one edit: {about:#?}");
}

/// Waits until the service has made two passes more.
async fn further_passes(staff: &StaffStage) {
    let passes = async || staff.stage.metric("provisioner_passes_total").await;
    let before = passes().await;
    wait_until("two passes more are made", SOON, async || passes().await >= before + 2.0).await.unwrap();
}

async fn a_tombstone_to_nowhere_is_told_of_with_its_sender(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    let tombstone = json!({"body": "moved", "replacement_room": "!<b>new</b>\u{202e}:phenom.test"});
    staff.stage.admin.send_state(&staff.stage.analysts, "m.room.tombstone", "", tombstone).await.unwrap();
    let alert = staff.posted("a tombstone for room analysts").await;
    let said = staff.said().await;
    let content = &said.iter().find(|event| event["event_id"] == alert).unwrap()["content"];
    insta::assert_snapshot!("alert_of_a_tombstone", staff.forms(content));
    let answer = staff.ask(&staff.lead, "!provisioner status").await;
    insta::assert_snapshot!("status_with_trouble", staff.forms(&answer));
    let answer = staff.ask(&staff.lead, "!provisioner doctor").await;
    insta::assert_snapshot!("doctor_with_trouble", staff.forms(&answer));
}

async fn a_long_plan_is_cut_and_says_how_to_see_the_rest(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    staff.ask(&staff.lead, "!provisioner pause").await;
    for sub in subjects(70) {
        staff.stage.hasura.add(&sub, "analysts", "member").await.unwrap();
    }
    let answer = staff.ask(&staff.lead, "!provisioner plan").await;
    insta::assert_snapshot!("a_long_plan", staff.plain(answer["body"].as_str().unwrap()));
    let answer = staff.ask(&staff.lead, "!provisioner plan all").await;
    let (body, html) = (answer["body"].as_str().unwrap(), answer["formatted_body"].as_str().unwrap());
    assert!(body.lines().count() > 60, "{body}");
    assert!(body.len() + html.len() < 40_000, "an event holds no more than 64 KiB");
    assert!(body.contains("phenom-provisioner plan") || body.contains("holds no more"), "{body}");
    let mut database = staff.stage.connect().await;
    sqlx::query("DELETE FROM provisioner.pause").execute(&mut database).await.unwrap();
}

async fn a_hostile_name_is_inert_wherever_it_shows(version: SynapseVersion) {
    let hostile = "<b>x</b> [x](javascript:1) \u{202e}";
    let guard = "free_removals = 0\nmax_removals = 0\nmax_fraction = 0.0".to_owned();
    let staff = closed(version, Settings { guard, ..Settings::default() }).await;
    for person in [&staff.lead, &staff.member] {
        staff.stage.admin.put_user(&person.mxid, json!({"displayname": hostile})).await.unwrap();
    }
    let (named, gone) = (subject(), subject());
    // Names of teams are typed by people, too, and reasons show them.
    staff.stage.hasura.add(&named, hostile, "lead").await.unwrap();
    staff.stage.hasura.add(&gone, hostile, "member").await.unwrap();
    let outsider = staff.stage.member(&staff.stage.staff, &gone).await;
    staff.stage.admin.put_user(&outsider.mxid, json!({"displayname": hostile})).await.unwrap();
    staff.start().await;
    let post = staff.posted("1 person would").await;
    staff.react(&staff.lead, &post, "❌").await;
    staff.until_says(&post, &["said no"]).await;
    let mxid = &outsider.mxid;
    for command in [
        "help",
        "status",
        "plan",
        "plan all",
        "history",
        "doctor",
        "sync",
        hostile,
        &format!("explain {named}"),
        &format!("explain {mxid}"),
        &format!("history {mxid}"),
        &format!("explain {hostile}"),
        &format!("provision {named}"),
        &format!("rejoin {mxid} staff"),
        &format!("rejoin {mxid} {hostile}"),
        &format!("follow {hostile}"),
        &format!("apply {hostile}"),
    ] {
        staff.ask(&staff.lead, &format!("!provisioner {command}")).await;
    }
    staff.ask(&outsider, "!provisioner status").await;
    let said = staff.said().await;
    let shown = said.iter().filter(|event| event.to_string().contains("javascript")).count();
    assert!(shown >= 5, "the roster's words are shown: {shown}");
    let tags = regex::Regex::new("</?([a-z0-9]+)([^>]*)>").unwrap();
    let to_somebody = regex::Regex::new(r#"^( href="https://matrix.to/#/@[0-9a-f-]+:phenom.test")?$"#).unwrap();
    assert!(said.iter().any(|event| event.to_string().contains(">&#60;b&#62;x&#60;/b&#62; [x](javascript:1)</a>")));
    for event in &said {
        let content = event["content"].get("m.new_content").unwrap_or(&event["content"]);
        let (body, html) = (content["body"].as_str().unwrap(), content["formatted_body"].as_str().unwrap());
        for form in [body, html, event["content"]["body"].as_str().unwrap()] {
            assert!(!form.contains('\u{202e}'), "{event:#}");
        }
        for tag in tags.captures_iter(html) {
            let ours = ["p", "table", "thead", "tbody", "tr", "th", "td", "code", "strong", "ul", "li"];
            let is_ours = match &tag[1] {
                "a" => to_somebody.is_match(&tag[2]),
                name => ours.contains(&name) && tag[2].is_empty(),
            };
            assert!(is_ours, "{} in {html}", &tag[0]);
        }
        assert_eq!(content["m.mentions"], json!({}));
    }
    let answer = staff.ask(&staff.lead, &format!("!provisioner explain {named}")).await;
    insta::assert_snapshot!("explain_with_a_hostile_team", staff.forms(&answer));
    wait_until("the outsider stays", SOON, async || staff.stage.membership(&staff.stage.staff, &gone).await == "join")
        .await
        .unwrap();
}

async fn an_alert_is_brought_up_to_date_although_synapse_fails_at_first(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    let (room, bot) = (&staff.stage.analysts, &staff.stage.slot.bot);
    let raised = staff.stage.admin.state(room, "m.room.power_levels", "").await.unwrap().unwrap();
    let lowered = |level: i64| {
        let mut lowered = raised.clone();
        lowered["users"][bot] = json!(level);
        lowered
    };
    let next_edit_fails = || {
        let edit = Matching::any().method("PUT").path("/send/m.room.message/alert-").times(1);
        let failure = json!({"errcode": "M_UNKNOWN", "error": "Internal server error"});
        staff.stage.proxy.fault(edit, Effect::Answer(500, failure))
    };
    staff.stage.bot.send_state(room, "m.room.power_levels", "", lowered(10)).await.unwrap();
    let alert = staff.posted("the bot has level 10 in analysts").await;
    let update = next_edit_fails();
    staff.stage.admin.send_state(room, "m.room.power_levels", "", lowered(20)).await.unwrap();
    staff.until_says(&alert, &["the bot has level 20 in analysts"]).await;
    let end = next_edit_fails();
    staff.stage.admin.send_state(room, "m.room.power_levels", "", raised.clone()).await.unwrap();
    staff.until_says(&alert, &["Over: the bot has the level again that it needs in analysts"]).await;
    assert_eq!((update.hits(), end.hits()), (1, 1));
}
