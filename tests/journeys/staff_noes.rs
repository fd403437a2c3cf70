//! The Staff room: what a no, a pause, or taking it back ends of what was approved, wherever it is said.

use std::time::Duration;

use serde_json::json;
use sqlx::Connection;
use testbed::{Effect, Matching, SynapseVersion, wait_until};

use crate::staff_held::{go, held, memberships};
use crate::staff_slow::{late, ticked, until_asked};
use crate::staff_support::{A_WHILE, StaffStage};
use crate::staff_taps::{grow_old, kill_as_it_waits};
use crate::support::{SOON, subject, subjects};

crate::on_one_version!(
    no_tick_below_a_no_carries_out_an_older_message,
    a_no_to_an_older_message_ends_what_was_approved_elsewhere_and_says_so,
    a_no_that_overtakes_a_tick_on_another_message_ends_it,
    what_was_taken_back_before_it_was_begun_is_not_done,
    a_pause_within_a_slice_says_that_nothing_was_done,
    a_question_that_was_begun_and_then_deleted_ends,
    a_no_to_an_older_message_stays_there_though_its_list_is_held_again,
    a_no_that_a_kill_cuts_short_asks_nobody_again,
    a_no_that_was_begun_before_a_kill_goes_before_the_yes_after_it,
);

/// After so long another command acts, though the one before it has not had its effect.
const LONGEST_TURN: Duration = Duration::from_secs(16);

/// More people are held than this older message shows, and a newer one says so.
async fn outdated(staff: &StaffStage, people: &[String]) -> (String, String) {
    let older = staff.posted("3 people would").await;
    grow_old(staff).await;
    go(staff, &people[3..4]).await;
    let newer = staff.posted("4 people would").await;
    staff.until_says(&older, &["It has changed"]).await;
    (older, newer)
}

async fn no_tick_below_a_no_carries_out_an_older_message(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let (older, newer) = outdated(&staff, &people).await;
    let no = staff.react(&staff.lead, &older, "❌").await;
    assert_eq!(staff.ended(&no).await, "answered");
    let answer = staff.answer(&older).await["body"].as_str().unwrap().to_owned();
    assert!(answer.contains("no ✅ below this message carries it out any more"), "{answer}");
    assert!(answer.contains("To say no to that one, react to it."), "{answer}");
    let tick = staff.react(&staff.lead, &older, "✅").await;
    assert_eq!(staff.ended(&tick).await, "answered");
    let answers = staff.answers(&older).await;
    assert!(answers[1]["content"]["body"].as_str().unwrap().contains("somebody said no to that"), "{answers:#?}");
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
    // The newer message asks still.
    staff.react(&staff.lead, &newer, "✅").await;
    staff.until_says(&newer, &["Approved by", "4 changes made"]).await;
    assert_eq!(memberships(&staff, &people[4..]).await, ["join"; 2]);
    staff.stage.nothing_left().await;
}

async fn a_no_to_an_older_message_ends_what_was_approved_elsewhere_and_says_so(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let (older, _) = outdated(&staff, &people).await;
    let (_, plan) = staff.stage.plan().await;
    let late = late(&staff, &staff.stage.red);
    let command = ["apply", "--approve", plan["held_id"].as_str().unwrap(), "--json"];
    let approving = staff.stage.service.run_cli(&command);
    let refusing = async {
        until_asked(&late).await;
        let no = staff.react(&staff.lead, &older, "❌").await;
        assert_eq!(staff.ended(&no).await, "answered");
        late.lift();
    };
    let (approved, ()) = tokio::join!(approving, refusing);
    let report = approved.unwrap().json().unwrap();
    assert!(report["errors"].to_string().contains("said no meanwhile"), "{report:#}");
    let answer = staff.answer(&older).await["body"].as_str().unwrap().to_owned();
    assert!(answer.starts_with("An approval was stopped: ") && !answer.contains("Nothing was done"), "{answer}");
    let ledger = staff.ledger().await;
    assert_eq!(ledger[0]["outcome"], "done", "{ledger:#?}");
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
}

/// A call that hangs holds up everybody who is to be admitted, and after 15 seconds the next may act as well. Both are admitted
/// then, and the tick waits for the edit that says so.
async fn a_no_that_overtakes_a_tick_on_another_message_ends_it(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let (older, newer) = outdated(&staff, &people).await;
    let joins = Matching::any().method("POST").path("/_synapse/admin/v1/join/");
    let hangs = staff.stage.proxy.fault(joins, Effect::HoldAnswer);
    staff.stage.hasura.add(&subject(), "staff", "member").await.unwrap();
    staff.stage.hook().await;
    wait_until("a slice is under way", SOON, async || hangs.hits() > 0).await.unwrap();
    let edit = staff.stage.proxy.fault(Matching::any().method("PUT").path("-deciding"), Effect::Hold);
    let tick = staff.react(&staff.lead, &newer, "✅").await;
    tokio::time::sleep(LONGEST_TURN).await;
    let no = staff.react(&staff.lead, &older, "❌").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    hangs.lift();
    assert_eq!(staff.ended(&no).await, "answered");
    edit.lift();
    staff.until_says(&newer, &["said no meanwhile"]).await;
    assert_eq!(staff.ended(&tick).await, "answered");
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
}

async fn what_was_taken_back_before_it_was_begun_is_not_done(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let relation = json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": post, "key": "✅"}});
    let event = |kind: &str, id: &str, sender: &str, content: &serde_json::Value| {
        json!({
            "type": kind, "room_id": staff.stage.staff, "event_id": id, "sender": sender, "content": content,
            "unsigned": {"age": 5},
        })
    };
    let lead = &*staff.lead.mxid;
    let tapped_and_taken_back = vec![
        event("m.reaction", "$slipped", lead, &relation),
        event("m.room.redaction", "$back", lead, &json!({"redacts": "$slipped"})),
    ];
    staff.transact(&staff.stage.slot.listen(), tapped_and_taken_back).await;
    assert_eq!(staff.ended("$slipped").await, "ignored");
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
    // What somebody else redacts was said.
    let tapped_and_redacted = vec![
        event("m.reaction", "$meant", lead, &relation),
        event("m.room.redaction", "$by_another", &staff.member.mxid, &json!({"redacts": "$meant"})),
    ];
    staff.transact(&staff.stage.slot.listen(), tapped_and_redacted).await;
    staff.until_says(&post, &["Approved by", "3 changes made"]).await;
    staff.stage.nothing_left().await;
}

async fn a_pause_within_a_slice_says_that_nothing_was_done(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let late = ticked(&staff, &staff.stage.analysts, &post).await;
    let joins = Matching::any().method("POST").path("/_synapse/admin/v1/join/");
    let slow = staff.stage.proxy.fault(joins, Effect::Delay(Duration::from_secs(3)));
    for sub in &subjects(6) {
        staff.stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    staff.stage.hook().await;
    wait_until("a fill is under way", SOON, async || slow.hits() > 1).await.unwrap();
    let paused = staff.stage.service.run_cli(&["pause"]).await.unwrap();
    assert_eq!(paused.status, Some(0), "{paused:?}");
    staff.until_says(&post, &["Approved by", "Not done: paused"]).await;
    slow.lift();
    late.lift();
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
    staff.stage.service.run_cli(&["resume"]).await.unwrap();
    wait_until("it is posted anew", SOON, async || staff.posted("3 people would").await != post).await.unwrap();
}

/// Begun before a restart, as the database has it, and then deleted by its sender: it has an end.
async fn a_question_that_was_begun_and_then_deleted_ends(version: SynapseVersion) {
    let (staff, _) = held(version).await;
    staff.posted("3 people would").await;
    staff.stage.service.sigterm().await.unwrap();
    let event = json!({
        "type": "m.room.message", "sender": &*staff.lead.mxid, "event_id": "$asked", "origin_server_ts": 1,
        "content": {"msgtype": "m.text", "body": "!provisioner plan"}, "unsigned": {"age": 5},
    });
    let begun = "WITH begun AS (
                     INSERT INTO provisioner.commands (event_id, room_id, event, received_at, state, sender, command, taken_at, pass)
                     VALUES ('$asked', $1, $2, now(), 'taken', $3, 'plan', now(), nextval('provisioner.pass')) RETURNING pass
                 )
                 INSERT INTO provisioner.ledger (pass, seq, kind, cause, mode, outcome)
                 SELECT pass, 0, 'command', 'plan', 'enforce', 'started' FROM begun";
    let deleted = "INSERT INTO provisioner.inbox (event_id, room_id, type, event, handled_at)
                   VALUES ('$deleted', $1, 'm.room.redaction', $2, now())";
    let redaction = json!({"sender": &*staff.lead.mxid, "content": {}, "redacts": "$asked"});
    let mut database = staff.stage.connect().await;
    let row = sqlx::query(begun).bind(&staff.stage.staff).bind(event.to_string()).bind(&*staff.lead.mxid);
    row.execute(&mut database).await.unwrap();
    let row = sqlx::query(deleted).bind(&staff.stage.staff).bind(redaction.to_string());
    row.execute(&mut database).await.unwrap();
    staff.stage.service.start_again().unwrap();
    assert_eq!(staff.ended("$asked").await, "answered");
}

async fn a_no_to_an_older_message_stays_there_though_its_list_is_held_again(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let (older, newer) = outdated(&staff, &people).await;
    // The fourth is back: what the older message shows is what is held.
    staff.stage.hasura.add(&people[3], "analysts", "member").await.unwrap();
    staff.stage.hook().await;
    grow_old(&staff).await;
    staff.until_says(&newer, &["It has changed"]).await;
    let newest = staff.posted("3 people would").await;
    assert_ne!(newest, older);
    for (key, part) in [("❌", "no ✅ below this message carries it out any more"), ("✅", "decided already")] {
        let tap = staff.react(&staff.lead, &older, key).await;
        assert_eq!(staff.ended(&tap).await, "answered");
        let answers = staff.answers(&older).await;
        let said = answers.last().unwrap()["content"]["body"].as_str().unwrap();
        assert!(said.contains(part), "{answers:#?}");
    }
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
    // There nobody said no.
    staff.react(&staff.lead, &newest, "✅").await;
    staff.until_says(&newest, &["Approved by", "3 changes made"]).await;
    staff.stage.nothing_left().await;
}

async fn a_no_that_a_kill_cuts_short_asks_nobody_again(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let late = ticked(&staff, &staff.stage.red, &post).await;
    let no = staff.react(&staff.lead, &post, "❌").await;
    assert_eq!(staff.ended(&no).await, "answered");
    // Of the approval there is no end.
    staff.stage.service.sigkill().await.unwrap();
    late.lift();
    let unended = "UPDATE provisioner.held_posts SET state = 'deciding'";
    sqlx::query(unended).execute(&mut staff.stage.connect().await).await.unwrap();
    staff.stage.service.start_again().unwrap();
    staff.until_says(&post, &["the service stopped"]).await;
    staff.ask(&staff.lead, "!provisioner sync").await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(staff.posted("3 people would").await, post, "it is not posted again");
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
}

async fn a_no_that_was_begun_before_a_kill_goes_before_the_yes_after_it(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let mut database = staff.stage.connect().await;
    let mut there = database.begin().await.unwrap();
    sqlx::query("SELECT FROM provisioner.held_posts FOR UPDATE").execute(&mut *there).await.unwrap();
    let no = staff.react(&staff.lead, &post, "❌").await;
    kill_as_it_waits(&staff).await;
    there.rollback().await.unwrap();
    // Nothing of it stands but that it was begun.
    let state = async || -> String {
        let state = sqlx::query_scalar("SELECT state FROM provisioner.held_posts");
        state.fetch_one(&mut staff.stage.connect().await).await.unwrap()
    };
    assert_eq!(state().await, "open");
    let yes = staff.react(&staff.lead, &post, "✅").await;
    staff.stage.start().await;
    staff.until_says(&post, &["said no", &staff.lead.mxid]).await;
    assert_eq!((staff.ended(&no).await, staff.ended(&yes).await), ("answered".to_owned(), "answered".to_owned()));
    assert_eq!(state().await, "dismissed");
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
}
