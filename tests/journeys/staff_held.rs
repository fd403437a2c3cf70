//! The Staff room: what the guard holds is posted there, and edited as it changes.

use std::time::Duration;

use serde_json::Value;
use testbed::{Effect, Matching, SynapseVersion, wait_until};

use crate::staff_support::{A_WHILE, StaffStage, closed};
use crate::support::{SOON, Settings, subjects};

crate::on_one_version!(
    a_dismissed_plan_is_quiet_until_it_changes,
    what_is_held_is_posted_while_a_long_pass_goes_on,
    a_plan_that_keeps_changing_is_one_message_and_one_tap_carries_out_what_it_showed,
    a_message_names_everybody_and_those_with_power_first,
    words_that_come_back_are_another_edit,
    a_held_plan_is_carried_out_by_its_id,
    a_plan_that_was_approved_on_the_command_line_says_so,
    a_kill_before_the_reactions_leaves_no_message_without_them,
);

/// Six analysts are in the room and three of them are to go: more removals than the guard lets through by itself.
pub(crate) async fn held(version: SynapseVersion) -> (StaffStage, Vec<String>) {
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
pub(crate) async fn go(staff: &StaffStage, people: &[String]) {
    for sub in people {
        staff.stage.hasura.remove(sub, "analysts").await.unwrap();
    }
    staff.stage.hook().await;
}

pub(crate) async fn memberships(staff: &StaffStage, people: &[String]) -> Vec<String> {
    let mut memberships = Vec::new();
    for sub in people {
        memberships.push(staff.stage.membership(&staff.stage.analysts, sub).await);
    }
    memberships
}

/// The reactions by the bot, oldest first.
pub(crate) async fn to_tap_on(staff: &StaffStage) -> Vec<Value> {
    let events = staff.stage.admin.messages(&staff.stage.staff, 100).await.unwrap();
    let own = |event: &&Value| event["type"] == "m.reaction" && event["sender"] == staff.stage.slot.bot;
    let keys = events.iter().filter(own).map(|event| event["content"]["m.relates_to"]["key"].clone());
    keys.rev().collect()
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
    const FILL: usize = 90;
    const EACH: Duration = Duration::from_secs(2);
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
    // Who tapped is told of that, and not of the fill.
    staff.until_says(&post, &["Approved by", ": 3 changes made."]).await;
    assert!(joins.hits() < FILL, "they are removed when {} of {FILL} were asked for", joins.hits());
    // What is held after that does not wait for the pass that was approved in.
    go(&staff, &people[3..5]).await;
    staff.posted("2 people would").await;
    assert!(joins.hits() < FILL, "it is posted when {} of {FILL} were asked for", joins.hits());
    joins.lift();
    let is_over = async || staff.stage.joins() >= before + FILL;
    wait_until("the fill is over", 3 * SOON, is_over).await.unwrap();
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
    let id = &first.split("!provisioner apply ").nth(1).unwrap()[..8];
    assert!(first.contains(&format!("5 more in the thread of this message, under the heading Plan {id}.")), "{first}");
    assert!(paged().await.contains(&format!("Plan {id}: 13 to 17 of 17")), "{}", paged().await);
    let all = format!("{first}{}", paged().await);
    assert!(throwaways.iter().all(|sub| all.contains(sub)), "{all}");
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
    let output = staff.stage.service.run_cli(&["apply", "--approve", &id.to_uppercase()]).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_eq!(memberships(&staff, &people[..3]).await, ["leave"; 3]);
    staff.until_says(&post, &["Approved by", "on the command line", "the history says what came of it"]).await;
    staff.stage.nothing_left().await;
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
