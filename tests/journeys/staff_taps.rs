//! The Staff room: what a tap under what is held carries out, and what it does not.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Connection;
use testbed::{Effect, Fault, Matching, Person, SynapseVersion, wait_until};

use crate::staff_held::{go, held, memberships, to_tap_on};
use crate::staff_support::{A_WHILE, StaffStage};
use crate::support::SOON;

crate::on_one_version!(
    a_tap_carries_out_exactly_what_was_shown,
    a_sender_who_may_not_command_decides_nothing,
    an_old_message_carries_out_what_it_showed_and_no_more,
    an_approval_that_was_left_open_is_not_spent_later,
    a_tap_from_a_while_ago_carries_out_nothing,
    a_tap_on_what_stood_there_before_two_edits_carries_out_nothing,
    a_no_right_after_an_edit_silences_nothing_that_its_sender_may_not_have_seen,
    an_edit_that_did_not_arrive_shows_nothing_that_can_be_approved,
    a_decision_that_a_kill_cuts_short_says_so_and_takes_nothing_that_was_not_shown,
    a_no_that_kills_cut_short_is_finished_by_the_next,
    what_came_of_a_message_is_shown_although_synapse_fails_at_first,
    a_tap_while_all_is_paused_names_the_command_that_is_typed_first,
    an_edit_that_waits_for_its_next_try_hides_nothing_of_what_came_since,
    a_message_asks_no_more_although_the_step_to_a_newer_one_was_cut_short,
);

/// Synapse brings a tap long after it was made.
async fn a_late_tap(staff: &StaffStage, post: &str, ago: Duration) -> Value {
    sqlx::query("UPDATE provisioner.stamp SET stamped_at = now() - interval '1 day'")
        .execute(&mut staff.stage.connect().await)
        .await
        .unwrap();
    let said = staff.say(&staff.lead, "hello").await;
    let relation = json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": post, "key": "✅"}});
    let event = json!({
        "type": "m.reaction", "room_id": staff.stage.staff, "event_id": said, "sender": staff.lead.mxid,
        "content": relation, "unsigned": {"age": u64::try_from(ago.as_millis()).unwrap()},
    });
    staff.transact(&staff.stage.slot.listen(), vec![event]).await;
    assert_eq!(staff.ended(&said).await, "answered");
    staff.answer(post).await
}

/// The number of the newest message about a held plan, which the transaction ids of its edits begin with.
async fn newest_post(staff: &StaffStage) -> i64 {
    sqlx::query_scalar("SELECT max(id) FROM provisioner.held_posts")
        .fetch_one(&mut staff.stage.connect().await)
        .await
        .unwrap()
}

/// What became of the message, and of the plan that it shows.
async fn states(staff: &StaffStage) -> (String, String) {
    let sql = "SELECT post.state, plan.state FROM provisioner.held_posts AS post
               JOIN provisioner.held_plans AS plan ON plan.id = post.held_id";
    sqlx::query_as(sql).fetch_one(&mut staff.stage.connect().await).await.unwrap()
}

/// Synapse fails so often to take a message, or an edit, with this transaction id.
fn fails(staff: &StaffStage, transaction: &str, times: usize) -> Fault {
    let message = Matching::any().method("PUT").path(&format!("/send/m.room.message/{transaction}")).times(times);
    let failure = json!({"errcode": "M_UNKNOWN", "error": "Internal server error"});
    staff.stage.proxy.fault(message, Effect::Answer(500, failure))
}

/// The messages about held plans are no longer young: the next plan gets one of its own.
pub(crate) async fn grow_old(staff: &StaffStage) {
    let sql = "UPDATE provisioner.held_posts SET created_at = now() - interval '2 minutes'";
    sqlx::query(sql).execute(&mut staff.stage.connect().await).await.unwrap();
}

/// Kills the service once a statement of its waits for a row, and the statement with it: Postgres would bring that of a client
/// that is gone to its end.
pub(crate) async fn kill_as_it_waits(staff: &StaffStage) {
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
                           WHERE datname = current_database() AND wait_event = 'transactionid'";
    const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event = 'transactionid'";
    let waiting =
        async || sqlx::query_scalar::<_, i64>(WAITING).fetch_one(&mut staff.stage.connect().await).await.unwrap();
    wait_until("it waits for the row", SOON, async || waiting().await > 0).await.unwrap();
    staff.stage.service.sigkill().await.unwrap();
    sqlx::query(END).execute(&mut staff.stage.connect().await).await.unwrap();
    wait_until("nothing waits for the row", SOON, async || waiting().await == 0).await.unwrap();
}

async fn a_tap_carries_out_exactly_what_was_shown(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let said = staff.said().await;
    let content = said.iter().find(|event| event["event_id"] == post).unwrap()["content"].clone();
    insta::assert_snapshot!("held", staff.forms(&content));
    assert_eq!(memberships(&staff, &people[..3]).await, ["join"; 3]);
    // The two reactions to tap on are there already.
    wait_until("two reactions are there", SOON, async || to_tap_on(&staff).await.len() == 2).await.unwrap();
    assert_eq!(to_tap_on(&staff).await, ["✅", "❌"]);

    let tap = staff.react(&staff.lead, &post, "✅\u{fe0f}").await;
    staff.until_says(&post, &["Approved by", &staff.lead.mxid, "3 changes made"]).await;
    assert_eq!(memberships(&staff, &people).await, ["leave", "leave", "leave", "join", "join", "join"]);
    insta::assert_snapshot!("held_and_approved", staff.plain(&staff.now_says(&post).await));
    assert_eq!(staff.ended(&tap).await, "answered");
    assert_eq!(staff.answers(&post).await, Vec::<Value>::new(), "the post itself says it all");
    let history = staff.stage.service.run_cli(&["history", &people[0], "--json"]).await.unwrap().json().unwrap();
    let cause = history[0]["cause"].as_str().unwrap();
    assert!(cause.contains(&format!("approved by {}", staff.lead.mxid)), "{history:#}");
    let ledger = staff.ledger().await;
    assert_eq!((&ledger[0]["outcome"], ledger.len()), (&json!("done"), 1), "{ledger:#?}");
    assert!(ledger[0]["cause"].as_str().unwrap().starts_with("approve "), "{ledger:#?}");

    // A second tap decides nothing more.
    let late = staff.react(&staff.lead, &post, "❌").await;
    assert_eq!(staff.ended(&late).await, "answered");
    let answer = staff.answer(&post).await;
    insta::assert_snapshot!("decided_already", staff.forms(&answer));
    assert!(staff.now_says(&post).await.contains("3 changes made"));
    staff.stage.nothing_left().await;
}

async fn a_sender_who_may_not_command_decides_nothing(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let before = staff.now_says(&post).await;
    for _ in 0..2 {
        // A reaction can only be taken back and given again under another account's eyes; two keys do as well.
        for key in ["✅", "✅\u{fe0f}"] {
            let person: &Person = &staff.member;
            let tap = staff.send_reaction_anew(person, &post, key).await;
            assert_eq!(staff.ended(&tap).await, "answered");
        }
    }
    assert_eq!(staff.answers(&post).await.len(), 1, "one notice");
    insta::assert_snapshot!("refused_reaction", staff.forms(&staff.answer(&post).await));
    let harmless = staff.react(&staff.lead, &post, "👍").await;
    assert_eq!(staff.ended(&harmless).await, "ignored");
    assert_eq!(memberships(&staff, &people[..3]).await, ["join"; 3]);
    assert_eq!(staff.now_says(&post).await, before);
    let ledger = staff.ledger().await;
    assert_eq!(ledger.len(), 1, "one line an hour: {ledger:#?}");
    assert!(ledger[0]["detail"].as_str().unwrap().starts_with("refused"), "{ledger:#?}");
}

async fn an_old_message_carries_out_what_it_showed_and_no_more(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    // It has changed already, and the message does not say so yet: a row that nothing has told the service of.
    staff.stage.hasura.remove(&people[3], "analysts").await.unwrap();
    let tap = staff.react(&staff.lead, &post, "✅").await;
    staff.until_says(&post, &["Approved by", "3 changes made", "1 held"]).await;
    assert_eq!(staff.ended(&tap).await, "answered");
    assert_eq!(memberships(&staff, &people).await, ["leave", "leave", "leave", "join", "join", "join"]);
    let newer = staff.posted("1 person would").await;
    // A restart forgets nothing of it.
    staff.stage.service.sigterm().await.unwrap();
    staff.stage.start().await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(staff.posted("1 person would").await, newer, "it is not posted again");
    assert_eq!(memberships(&staff, &people[3..]).await, ["join"; 3]);
    staff.react(&staff.lead, &newer, "✅").await;
    staff.until_says(&newer, &["Approved by", "1 change made"]).await;
    staff.stage.nothing_left().await;
}

async fn an_approval_that_was_left_open_is_not_spent_later(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    staff.posted("3 people would").await;
    let (_, plan) = staff.stage.plan().await;
    let id = plan["held_id"].as_str().unwrap();
    staff.stage.service.sigkill().await.unwrap();
    let sql = "INSERT INTO provisioner.pass_requests (approve, requested_by, requested_at)
               VALUES ($1, $2, now() - interval '1 hour')";
    let mut database = staff.stage.connect().await;
    sqlx::query(sql).bind(id).bind(&staff.lead.mxid).execute(&mut database).await.unwrap();
    staff.stage.start().await;
    let report = async || {
        let sql = "SELECT report FROM provisioner.pass_requests WHERE approve = $1";
        sqlx::query_scalar::<_, Option<Value>>(sql).bind(id).fetch_one(&mut staff.stage.connect().await).await.unwrap()
    };
    wait_until("it is answered", SOON, async || report().await.is_some()).await.unwrap();
    let report = report().await.unwrap();
    assert!(report["errors"][0].as_str().unwrap().contains("two minutes"), "{report:#}");
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
}

/// The service was away when somebody tapped, and Synapse brings it an hour later.
async fn a_tap_from_a_while_ago_carries_out_nothing(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let answer = a_late_tap(&staff, &post, Duration::from_secs(3600)).await;
    assert!(answer["body"].as_str().unwrap().contains("is from a while ago"), "{answer:#}");
    assert_eq!(memberships(&staff, &people[..3]).await, ["join"; 3]);
    staff.react(&staff.lead, &post, "✅").await;
    staff.until_says(&post, &["Approved by", "3 changes made"]).await;
}

/// It was made before the first of two edits: of what it was about nobody has kept anything.
async fn a_tap_on_what_stood_there_before_two_edits_carries_out_nothing(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let tapped = Instant::now();
    for (sub, shown) in people[3..5].iter().zip(["4 people would", "5 people would"]) {
        go(&staff, std::slice::from_ref(sub)).await;
        staff.until_says(&post, &[shown]).await;
    }
    let answer = a_late_tap(&staff, &post, tapped.elapsed()).await;
    assert!(answer["body"].as_str().unwrap().contains("has changed twice meanwhile"), "{answer:#}");
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
    staff.react(&staff.lead, &post, "✅").await;
    staff.until_says(&post, &["Approved by"]).await;
}

async fn a_no_right_after_an_edit_silences_nothing_that_its_sender_may_not_have_seen(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    go(&staff, &people[3..4]).await;
    staff.until_says(&post, &["4 people would"]).await;
    let tap = staff.send_reaction_anew(&staff.lead, &post, "❌").await;
    assert_eq!(staff.ended(&tap).await, "answered");
    let answer = staff.answer(&post).await;
    assert!(
        answer["body"].as_str().unwrap().contains("that message has changed meanwhile. Take the ❌ back"),
        "{answer:#}"
    );
    assert!(staff.now_says(&post).await.contains("exactly as listed"), "it still asks");
    assert_eq!(staff.stage.metric("provisioner_held_plans").await, 1.0);
    // Longer than anybody counts as having seen what was there before.
    tokio::time::sleep(Duration::from_secs(16)).await;
    staff.react(&staff.lead, &post, "❌").await;
    staff.until_says(&post, &["said no", &staff.lead.mxid]).await;
    assert_eq!(memberships(&staff, &people).await, ["join"; 6]);
}

async fn an_edit_that_did_not_arrive_shows_nothing_that_can_be_approved(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let id = newest_post(&staff).await;
    let edit = Matching::any().method("PUT").path(&format!("/send/m.room.message/held-{id}-1"));
    let edit = staff.stage.proxy.fault(edit, Effect::Hold);
    go(&staff, &people[3..4]).await;
    wait_until("the edit is on its way", SOON, async || edit.hits() > 0).await.unwrap();
    staff.stage.service.sigkill().await.unwrap();
    staff.stage.start().await;
    // Longer than anybody counts as having seen what was there before.
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert!(staff.now_says(&post).await.contains("3 people would"));
    staff.react(&staff.lead, &post, "✅").await;
    for sub in &people[..3] {
        staff.stage.until(&staff.stage.analysts, sub, "leave", SOON).await;
    }
    assert_eq!(memberships(&staff, &people[3..4]).await, ["join"], "the message never showed them");
    edit.lift();
    edit.release();
    staff.posted("1 person would").await;
    assert_eq!(memberships(&staff, &people[3..4]).await, ["join"]);
}

async fn a_decision_that_a_kill_cuts_short_says_so_and_takes_nothing_that_was_not_shown(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let kicks = staff.stage.proxy.fault(Matching::any().method("POST").path("/kick"), Effect::Hold);
    let tap = staff.react(&staff.lead, &post, "✅").await;
    staff.until_says(&post, &["Approved by", "working on it"]).await;
    wait_until("a removal is under way", SOON, async || kicks.hits() > 0).await.unwrap();
    staff.stage.service.sigkill().await.unwrap();
    kicks.lift();
    staff.stage.start().await;
    staff.until_says(&post, &["the service stopped before it could say here"]).await;
    assert_eq!(staff.ended(&tap).await, "answered");
    assert_eq!(memberships(&staff, &people[3..]).await, ["join"; 3]);
    let ledger = staff.ledger().await;
    assert_eq!((ledger.len(), &ledger[0]["outcome"]), (1, &json!("failed")), "{ledger:#?}");
}

/// It has three steps: the message is marked, the plan is, and the message is edited. Each may be the last before a kill.
async fn a_no_that_kills_cut_short_is_finished_by_the_next(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let mut database = staff.stage.connect().await;
    let mut plan = database.begin().await.unwrap();
    sqlx::query("SELECT FROM provisioner.held_plans FOR UPDATE").execute(&mut *plan).await.unwrap();
    let tap = staff.react(&staff.lead, &post, "❌").await;
    kill_as_it_waits(&staff).await;
    plan.rollback().await.unwrap();
    assert_eq!(states(&staff).await, ("dismissed".to_owned(), "open".to_owned()));

    let edit = format!("/send/m.room.message/held-{}-dismissed", newest_post(&staff).await);
    let edit = staff.stage.proxy.fault(Matching::any().method("PUT").path(&edit), Effect::Drop);
    staff.stage.start().await;
    wait_until("the edit is on its way", SOON, async || edit.hits() > 0).await.unwrap();
    assert_eq!(states(&staff).await, ("dismissed".to_owned(), "dismissed".to_owned()));
    staff.stage.service.sigkill().await.unwrap();
    edit.lift();
    staff.stage.start().await;
    staff.until_says(&post, &["said no", &staff.lead.mxid]).await;
    assert_eq!(staff.ended(&tap).await, "answered");
    wait_until("nobody is waited for", SOON, async || staff.stage.metric("provisioner_held_plans").await == 0.0)
        .await
        .unwrap();
    assert_eq!(memberships(&staff, &people[..3]).await, ["join"; 3]);
}

async fn what_came_of_a_message_is_shown_although_synapse_fails_at_first(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let id = newest_post(&staff).await;
    let [dismissed, superseded] =
        ["dismissed", "superseded"].map(|state| fails(&staff, &format!("held-{id}-{state}"), 1));
    staff.react(&staff.lead, &post, "❌").await;
    staff.until_says(&post, &["said no"]).await;
    go(&staff, &people[3..4]).await;
    let newer = staff.posted("4 people would").await;
    staff.until_says(&post, &["It has changed"]).await;
    let decided = fails(&staff, &format!("held-{}-decided", newest_post(&staff).await), 1);
    staff.react(&staff.lead, &newer, "✅").await;
    staff.until_says(&newer, &["Approved by", "4 changes made"]).await;
    assert_eq!([dismissed, superseded, decided].map(|fault| fault.hits()), [1; 3]);
    staff.stage.nothing_left().await;
}

async fn a_tap_while_all_is_paused_names_the_command_that_is_typed_first(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    assert_eq!(staff.stage.service.run_cli(&["pause"]).await.unwrap().status, Some(0));
    let tap = staff.react(&staff.lead, &post, "✅").await;
    let typed = "nothing is written until !provisioner resume";
    staff.until_says(&post, &["Approved by", "is not approved: paused since", typed]).await;
    assert_eq!(memberships(&staff, &people[..3]).await, ["join"; 3]);
    let answer = staff.ask(&staff.lead, "!provisioner follow analysts").await;
    assert_eq!(answer["body"], "Not followed: everything is paused. First: !provisioner resume");
    let doctor = staff.ask(&staff.lead, "!provisioner doctor").await;
    assert!(doctor["body"].as_str().unwrap().contains("!provisioner resume goes on"), "{doctor:#}");
    // All of it is held still, whatever became of that message.
    assert_eq!(staff.ended(&tap).await, "answered");
    let again = staff.react(&staff.lead, &post, "✅\u{fe0f}").await;
    assert_eq!(staff.ended(&again).await, "answered");
    let answers = staff.answers(&post).await;
    let body = answers.last().unwrap()["content"]["body"].as_str().unwrap();
    assert!(body.contains("decided already") && !body.contains("Nothing is held now"), "{answers:#?}");
}

async fn an_edit_that_waits_for_its_next_try_hides_nothing_of_what_came_since(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let text = staff.now_says(&post).await;
    let id = &text.split("!provisioner apply ").nth(1).unwrap()[..8];
    let no = fails(&staff, &format!("held-{}-dismissed", newest_post(&staff).await), 3);
    let tap = staff.react(&staff.lead, &post, "❌").await;
    // The fourth try comes eight seconds after the third.
    wait_until("it has failed three times", SOON, async || no.hits() == 3).await.unwrap();
    staff.say(&staff.lead, &format!("!provisioner apply {id}")).await;
    staff.until_says(&post, &["Approved by", "3 changes made"]).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let says = staff.now_says(&post).await;
    assert!(says.starts_with("Approved by"), "{says}");
    assert_eq!(staff.ended(&tap).await, "answered");
    assert_eq!(memberships(&staff, &people[..3]).await, ["leave"; 3]);
    staff.stage.nothing_left().await;
}

/// Synapse fails before the newer message is there, and the service is killed after it.
async fn a_message_asks_no_more_although_the_step_to_a_newer_one_was_cut_short(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let first = staff.posted("3 people would").await;
    grow_old(&staff).await;
    let failed = fails(&staff, &format!("held-{}", newest_post(&staff).await + 1), 1);
    go(&staff, &people[3..4]).await;
    let second = staff.posted("4 people would").await;
    staff.until_says(&first, &["It has changed"]).await;
    assert_eq!(failed.hits(), 1);

    grow_old(&staff).await;
    let mut database = staff.stage.connect().await;
    let mut row = database.begin().await.unwrap();
    let lock = "SELECT FROM provisioner.held_posts WHERE event_id = $1 FOR UPDATE";
    sqlx::query(lock).bind(&second).execute(&mut *row).await.unwrap();
    go(&staff, &people[4..5]).await;
    let third = staff.posted("5 people would").await;
    kill_as_it_waits(&staff).await;
    row.rollback().await.unwrap();
    assert!(staff.now_says(&second).await.contains("exactly as listed"), "it still asks");
    staff.stage.start().await;
    staff.until_says(&second, &["It has changed"]).await;
    staff.react(&staff.lead, &third, "✅").await;
    staff.until_says(&third, &["Approved by", "5 changes made"]).await;
    staff.stage.nothing_left().await;
}
