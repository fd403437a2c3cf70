//! The Staff room: what the guard holds is posted, and decided by a reaction.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testbed::{Effect, Matching, Person, SynapseVersion, wait_until};

use crate::staff_support::{A_WHILE, StaffStage, closed};
use crate::support::{SOON, Settings, subjects};

crate::on_one_version!(
    a_tap_carries_out_exactly_what_was_shown,
    a_dismissed_plan_is_quiet_until_it_changes,
    what_is_held_is_posted_while_a_long_pass_goes_on,
    a_sender_who_may_not_command_decides_nothing,
    an_old_message_carries_out_what_it_showed_and_no_more,
    a_plan_that_keeps_changing_is_one_message_and_one_tap_carries_out_what_it_showed,
    a_message_names_everybody_and_those_with_power_first,
    an_approval_that_was_left_open_is_not_spent_later,
    a_tap_from_a_while_ago_carries_out_nothing,
    a_tap_on_what_stood_there_before_two_edits_carries_out_nothing,
    an_edit_that_did_not_arrive_shows_nothing_that_can_be_approved,
    words_that_come_back_are_another_edit,
    a_held_plan_is_carried_out_by_its_id,
    a_plan_that_was_approved_on_the_command_line_says_so,
    a_kill_before_the_reactions_leaves_no_message_without_them,
    a_decision_that_a_kill_cuts_short_says_so_and_takes_nothing_that_was_not_shown,
);

/// Six analysts are in the room and three of them are to go: more removals than the guard lets through by itself.
async fn held(version: SynapseVersion) -> (StaffStage, Vec<String>) {
    held_behind(version, None).await
}

/// The same, where such requests of the service are held back.
async fn held_behind(version: SynapseVersion, back: Option<Matching>) -> (StaffStage, Vec<String>) {
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    let staff = closed(version, Settings { guard, ..Settings::default() }).await;
    let people = subjects(6);
    for sub in &people {
        staff.stage.hasura.add(sub, "analysts", "member").await.unwrap();
    }
    staff.start().await;
    for sub in &people {
        staff.stage.until(&staff.stage.analysts, sub, "join", SOON).await;
    }
    back.into_iter().for_each(|back| drop(staff.stage.proxy.fault(back, Effect::Hold)));
    go(&staff, &people[..3]).await;
    (staff, people)
}

/// These are no analysts any more.
async fn go(staff: &StaffStage, people: &[String]) {
    for sub in people {
        staff.stage.hasura.remove(sub, "analysts").await.unwrap();
    }
    staff.stage.hook().await;
}

async fn memberships(staff: &StaffStage, people: &[String]) -> Vec<String> {
    let mut memberships = Vec::new();
    for sub in people {
        memberships.push(staff.stage.membership(&staff.stage.analysts, sub).await);
    }
    memberships
}

/// The reactions by the bot, oldest first.
async fn to_tap_on(staff: &StaffStage) -> Vec<Value> {
    let events = staff.stage.admin.messages(&staff.stage.staff, 100).await.unwrap();
    let own = |event: &&Value| event["type"] == "m.reaction" && event["sender"] == staff.stage.slot.bot;
    let keys = events.iter().filter(own).map(|event| event["content"]["m.relates_to"]["key"].clone());
    keys.rev().collect()
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

async fn a_dismissed_plan_is_quiet_until_it_changes(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    assert_eq!(staff.stage.metric("provisioner_held_plans").await, 1.0);
    let tap = staff.react(&staff.lead, &post, "❌").await;
    staff.until_says(&post, &["said no", &staff.lead.mxid]).await;
    assert_eq!(staff.ended(&tap).await, "answered");
    wait_until("nobody is waited for", SOON, async || staff.stage.metric("provisioner_held_plans").await == 0.0)
        .await
        .unwrap();
    let status = staff.ask(&staff.lead, "!provisioner status").await;
    let status = status["body"].as_str().unwrap().to_owned();
    assert!(status.contains(&format!("dismissed by {}", staff.lead.mxid)), "{status}");
    // Below a no it may mean "well said".
    let tick = staff.send_reaction_anew(&staff.lead, &post, "✅").await;
    assert_eq!(staff.ended(&tick).await, "answered");
    let answer = staff.answer(&post).await;
    assert!(
        answer["body"].as_str().unwrap().contains("somebody said no to that. To do it after all: !provisioner apply")
    );
    assert_eq!(memberships(&staff, &people[..3]).await, ["join"; 3]);
    staff.stage.hook().await;
    staff.ask(&staff.lead, "!provisioner sync").await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(staff.posted("3 people would").await, post, "it is not posted again");
    assert_eq!(memberships(&staff, &people[..3]).await, ["join"; 3]);
    // It changes: there is a new message, and the old one says so.
    go(&staff, &people[3..4]).await;
    let newer = staff.posted("4 people would").await;
    staff.until_says(&post, &["It has changed"]).await;
    // The no stays one: what was asked there is approved by no tick.
    let tick = staff.react(&staff.lead, &post, "✅").await;
    assert_eq!(staff.ended(&tick).await, "answered");
    let answers = staff.answers(&post).await;
    assert!(answers[1]["content"]["body"].as_str().unwrap().contains("somebody said no to that"), "{answers:#?}");
    assert_eq!(memberships(&staff, &people[..4]).await, ["join"; 4]);
    // They come back: nothing is held.
    for sub in &people[..4] {
        staff.stage.hasura.add(sub, "analysts", "member").await.unwrap();
    }
    staff.stage.hook().await;
    staff.until_says(&newer, &["Not held any more"]).await;
    staff.stage.nothing_left().await;
}

async fn what_is_held_is_posted_while_a_long_pass_goes_on(version: SynapseVersion) {
    // A room's joins are one after another: with the delay they take three minutes, without it as long as Synapse needs.
    const FILL: usize = 180;
    const EACH: Duration = Duration::from_secs(1);
    let guard = "free_removals = 2\nmax_removals = 50\nmax_fraction = 0.2".to_owned();
    let staff = closed(version, Settings { guard, ..Settings::default() }).await;
    let people = subjects(10);
    for sub in &people {
        staff.stage.hasura.add(sub, "analysts", "member").await.unwrap();
    }
    staff.start().await;
    for sub in &people {
        staff.stage.until(&staff.stage.analysts, sub, "join", SOON).await;
    }
    staff.stage.quiet().await;
    let joins =
        staff.stage.proxy.fault(Matching::any().method("POST").path("/_synapse/admin/v1/join/"), Effect::Delay(EACH));
    let before = staff.stage.joins();
    for sub in &subjects(FILL) {
        staff.stage.hasura.add(sub, "experiencers", "member").await.unwrap();
    }
    go(&staff, &people[..3]).await;
    let post = staff.posted("3 people would").await;
    assert!(joins.hits() < FILL, "it is posted when {} of {FILL} were asked for", joins.hits());
    // It can be decided, too: what was approved goes before the fill.
    staff.react(&staff.lead, &post, "✅").await;
    for sub in &people[..3] {
        staff.stage.until(&staff.stage.analysts, sub, "leave", SOON).await;
    }
    assert!(joins.hits() < FILL, "they are removed when {} of {FILL} were asked for", joins.hits());
    // What is held after that does not wait for the pass that was approved in.
    go(&staff, &people[3..5]).await;
    staff.posted("2 people would").await;
    assert!(joins.hits() < FILL, "it is posted when {} of {FILL} were asked for", joins.hits());
    joins.lift();
    let is_over = async || staff.stage.joins() >= before + FILL;
    wait_until("the fill is over", 3 * SOON, is_over).await.unwrap();
    staff.until_says(&post, &["Approved by", "3 changes made"]).await;
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

async fn a_plan_that_keeps_changing_is_one_message_and_one_tap_carries_out_what_it_showed(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let posts = async || {
        let said = staff.said().await;
        let is_post = |event: &&Value| {
            event["content"].get("m.relates_to").is_none()
                && event["content"]["body"].to_string().contains("would be removed from")
        };
        said.iter().filter(is_post).count()
    };
    // Somebody more every few seconds: the message is edited.
    for sub in &people[3..5] {
        go(&staff, std::slice::from_ref(sub)).await;
        tokio::time::sleep(A_WHILE).await;
    }
    staff.until_says(&post, &["5 people would", "exactly as listed"]).await;
    assert_eq!(posts().await, 1);
    // Who taps right after an edit may have seen the message from before.
    go(&staff, &people[5..]).await;
    staff.until_says(&post, &["6 people would"]).await;
    staff.react(&staff.lead, &post, "✅").await;
    staff.until_says(&post, &["Approved by", "5 changes made", "1 held"]).await;
    assert_eq!(memberships(&staff, &people).await, ["leave", "leave", "leave", "leave", "leave", "join"]);
    let rest = staff.posted("1 person would").await;
    staff.react(&staff.lead, &rest, "✅").await;
    staff.until_says(&rest, &["Approved by", "1 change made"]).await;
    staff.stage.nothing_left().await;
}

async fn a_message_names_everybody_and_those_with_power_first(version: SynapseVersion) {
    let (staff, _) = held(version).await;
    // What was dismissed is followed by a message of its own, and not edited.
    let post = staff.posted("3 people would").await;
    staff.react(&staff.lead, &post, "❌").await;
    staff.until_says(&post, &["said no"]).await;
    let throwaways = subjects(14);
    for sub in &throwaways {
        staff.stage.hasura.add(sub, "analysts", "member").await.unwrap();
    }
    staff.stage.hook().await;
    for sub in &throwaways {
        staff.stage.until(&staff.stage.analysts, sub, "join", SOON).await;
    }
    // By their name they would be the last.
    let important = throwaways.iter().max().unwrap();
    staff.stage.admin.set_server_admin(&staff.stage.mxid(important), true).await.unwrap();
    staff.ask(&staff.lead, "!provisioner sync").await;
    go(&staff, &throwaways).await;
    let post = staff.posted("17 people would").await;
    staff.until_says(&post, &[important, "5 more in the thread"]).await;
    let first = staff.now_says(&post).await;
    let paged = async || {
        let thread = staff.said().await;
        let rest = thread.iter().filter(|event| event["content"]["m.relates_to"]["rel_type"] == "m.thread");
        rest.map(|event| event["content"]["body"].to_string()).collect::<String>()
    };
    wait_until("the rest is in the thread", SOON, async || paged().await.matches("- @").count() == 5).await.unwrap();
    let all = format!("{first}{}", paged().await);
    assert!(throwaways.iter().all(|sub| all.contains(sub)), "{all}");
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

async fn a_held_plan_is_carried_out_by_its_id(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let text = staff.now_says(&post).await;
    let id = text.split("!provisioner apply ").nth(1).unwrap()[..8].to_owned();
    let status = staff.ask(&staff.lead, "!provisioner status").await;
    assert!(
        status["body"].as_str().unwrap().contains(&format!(
            "Held by the guard: 3. See !provisioner plan; to carry it out: !provisioner apply {id}"
        )),
        "{status:#}"
    );
    let plan = staff.ask(&staff.lead, "!provisioner plan").await;
    insta::assert_snapshot!("plan_with_held", staff.forms(&plan));
    let wrong = staff.ask(&staff.lead, "!provisioner apply 00000000").await;
    assert!(wrong["body"].as_str().unwrap().contains(&format!("!provisioner apply {id}")), "{wrong:#}");
    let answer = staff.ask(&staff.lead, &format!("!provisioner apply {}", id.to_uppercase())).await;
    insta::assert_snapshot!("apply", staff.forms(&answer));
    staff.until_says(&post, &["Approved by", "3 changes made"]).await;
    assert_eq!(memberships(&staff, &people[..3]).await, ["leave"; 3]);
    staff.stage.nothing_left().await;
}

async fn a_plan_that_was_approved_on_the_command_line_says_so(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let (_, plan) = staff.stage.plan().await;
    let id = plan["held_id"].as_str().unwrap();
    let output = staff.stage.service.run_cli(&["apply", "--approve", id]).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_eq!(memberships(&staff, &people[..3]).await, ["leave"; 3]);
    staff.until_says(&post, &["Approved by", "on the command line", "the history says what came of it"]).await;
    staff.stage.nothing_left().await;
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
    staff.until_says(&post, &["the service stopped before it was done"]).await;
    assert_eq!(staff.ended(&tap).await, "answered");
    assert_eq!(memberships(&staff, &people[3..]).await, ["join"; 3]);
    let ledger = staff.ledger().await;
    assert_eq!((ledger.len(), &ledger[0]["outcome"]), (1, &json!("failed")), "{ledger:#?}");
}

async fn a_kill_before_the_reactions_leaves_no_message_without_them(version: SynapseVersion) {
    let (staff, people) =
        held_behind(version, Some(Matching::any().method("PUT").path("/send/m.reaction/").skip(1))).await;
    let post = staff.posted("3 people would").await;
    wait_until("one of two reactions is there", SOON, async || to_tap_on(&staff).await.len() == 1).await.unwrap();
    staff.stage.service.sigkill().await.unwrap();
    staff.stage.proxy.clear_faults();
    staff.stage.start().await;
    wait_until("the other is there", SOON, async || to_tap_on(&staff).await.len() == 2).await.unwrap();
    assert_eq!(to_tap_on(&staff).await, ["✅", "❌"]);
    assert_eq!(staff.posted("3 people would").await, post, "and the message is the one from before");
    staff.react(&staff.lead, &post, "✅").await;
    staff.until_says(&post, &["Approved by", "3 changes made"]).await;
    assert_eq!(memberships(&staff, &people[..3]).await, ["leave"; 3]);
    staff.stage.nothing_left().await;
}

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

async fn an_edit_that_did_not_arrive_shows_nothing_that_can_be_approved(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    let id: i64 = sqlx::query_scalar("SELECT id FROM provisioner.held_posts")
        .fetch_one(&mut staff.stage.connect().await)
        .await
        .unwrap();
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

async fn words_that_come_back_are_another_edit(version: SynapseVersion) {
    let (staff, people) = held(version).await;
    let post = staff.posted("3 people would").await;
    for round in 0..3 {
        let (says, sub) = (if round == 1 { "3 people would" } else { "4 people would" }, &people[3]);
        match round {
            1 => staff.stage.hasura.add(sub, "analysts", "member").await.unwrap(),
            _ => staff.stage.hasura.remove(sub, "analysts").await.unwrap(),
        }
        staff.stage.hook().await;
        staff.until_says(&post, &[says]).await;
    }
}
