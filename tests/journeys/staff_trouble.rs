//! The Staff room: alerts of what only a person can settle. Each is one message, closed when it is over.

use std::time::Duration;

use serde_json::{Value, json};
use testbed::{Effect, Matching, Proxy, Queue, QueueOptions, SynapseVersion, shared_sqs, wait_until};

use crate::staff_support::{StaffStage, closed, open};
use crate::support::{SOON, Settings, subject};

crate::on_one_version!(
    dead_letters_are_one_message_until_there_are_none,
    dead_letters_that_may_not_be_counted_are_told_with_the_missing_right_and_hide_nothing_else,
    who_keeps_undoing_something_is_named_in_one_message,
    a_bot_that_was_lowered_is_told_of_until_it_is_raised,
    an_encrypted_staff_room_is_told_of_with_its_mend,
);

/// What the bot has said about something, edits too.
async fn about(staff: &StaffStage, what: &str) -> Vec<Value> {
    let mut said = staff.said().await;
    said.retain(|event| {
        event["content"].get("m.relates_to").is_none_or(|relation| relation["rel_type"] == "m.replace")
    });
    said.retain(|event| event.to_string().contains(what));
    said
}

async fn restart(staff: &StaffStage) {
    staff.stage.service.sigterm().await.unwrap();
    staff.stage.start().await;
}

async fn until_dead(queue: &Queue, count: u64) {
    wait_until(&format!("{count} messages are dead"), Duration::from_secs(90), async || {
        queue.dead_letter_depth().await.is_ok_and(|depth| depth.visible == count)
    })
    .await
    .unwrap();
}

async fn dead_letters_are_one_message_until_there_are_none(version: SynapseVersion) {
    let options = QueueOptions { visibility_timeout: Duration::from_secs(5), dead_letter: Some(1) };
    let queue = shared_sqs().await.create_queue("told", options).await.unwrap();
    let sections = format!(
        "[queue]\nurl = \"{}\"\nendpoint_url = \"{}\"\nvisibility_timeout = \"5s\"\n",
        queue.url, queue.endpoint
    );
    let staff = open(version, Settings { sections, ..Settings::default() }).await;
    let status = staff.ask(&staff.lead, "!provisioner status").await;
    assert!(
        status["body"].as_str().unwrap().contains("Queue: no message in hand here. Dead letters: 0."),
        "{status:#}"
    );

    // The dead letters are counted at the start and every minute: a restart does not have to wait.
    queue.send(&[r#"{"email": "poison@example.org"}"#]).await.unwrap();
    until_dead(&queue, 1).await;
    restart(&staff).await;
    let alert = staff.posted("1 message lies in the dead-letter queue").await;
    let said = staff.said().await;
    let content = &said.iter().find(|event| event["event_id"] == alert).unwrap()["content"];
    insta::assert_snapshot!("dead_letters", staff.forms(content));
    queue.send(&[r#"{"email": "another@example.org"}"#]).await.unwrap();
    until_dead(&queue, 2).await;
    restart(&staff).await;
    staff.until_says(&alert, &["2 messages lie in the dead-letter queue"]).await;
    assert_eq!(queue.take_dead_letters().await.unwrap().len(), 2);
    wait_until("the alert is closed", Duration::from_secs(120), async || {
        staff.now_says(&alert).await.starts_with("Over: ")
    })
    .await
    .unwrap();
    assert_eq!(
        about(&staff, "dead-letter").await.len(),
        3,
        "one message, one edit for the second, and one for the end"
    );
    assert!(!format!("{:?}", staff.said().await).contains("@example.org"));
}

async fn dead_letters_that_may_not_be_counted_are_told_with_the_missing_right_and_hide_nothing_else(
    version: SynapseVersion,
) {
    let queue = shared_sqs().await.create_queue("unseen", QueueOptions::default()).await.unwrap();
    let proxy = Proxy::start(&queue.endpoint).await.unwrap();
    let answer = json!({"__type": "com.amazonaws.sqs#AccessDenied", "message": "not authorized to perform that"});
    let denied = proxy.fault(Matching::any().action("GetQueueUrl"), Effect::Answer(400, answer));
    let sections = format!("[queue]\nurl = \"{}\"\nendpoint_url = \"{}\"\n", queue.url, proxy.url());
    let staff = open(version, Settings { sections, ..Settings::default() }).await;
    let alert = staff.posted("the dead letters of the queue cannot be counted").await;
    staff.until_says(&alert, &["the role of the service lacks sqs:GetQueueUrl on the dead-letter queue"]).await;

    // An outage of the queue that an earlier life told of is over with the first receive.
    staff.stage.service.sigterm().await.unwrap();
    let told = "INSERT INTO provisioner.alerts (key, text, room_id) VALUES ('source the queue', 'it is gone', $1)";
    sqlx::query(told).bind(&staff.stage.staff).execute(&mut staff.stage.connect().await).await.unwrap();
    staff.stage.start().await;
    wait_until("the outage is over", SOON, async || {
        let left = "SELECT count(*) FROM provisioner.alerts WHERE key = 'source the queue'";
        sqlx::query_scalar::<_, i64>(left).fetch_one(&mut staff.stage.connect().await).await.unwrap() == 0
    })
    .await
    .unwrap();
    assert!(!staff.now_says(&alert).await.starts_with("Over: "));

    // They are counted at the start and every minute: a restart does not have to wait.
    denied.lift();
    restart(&staff).await;
    staff.until_says(&alert, &["Over: "]).await;
}

async fn who_keeps_undoing_something_is_named_in_one_message(version: SynapseVersion) {
    let staff = open(version, Settings { notify: true, ..Settings::default() }).await;
    let sub = subject();
    let (room, mxid) = (&staff.stage.analysts, staff.stage.mxid(&sub));
    staff.stage.hasura.add(&sub, "analysts", "member").await.unwrap();
    for _ in 0..5 {
        staff.stage.until(room, &sub, "join", SOON).await;
        staff.stage.admin.kick(room, &mxid).await.unwrap();
    }
    let alert = staff.posted("is not repeated any more").await;
    let said = staff.now_says(&alert).await;
    assert!(said.contains(&format!("join in analysts of {mxid}")) && said.contains(&staff.stage.admin.mxid), "{said}");
    insta::assert_snapshot!("fighting", staff.plain(&said));
    // It lasts over a restart, and is told once.
    restart(&staff).await;
    let plan = staff.ask(&staff.lead, "!provisioner plan").await;
    insta::assert_snapshot!("plan_with_a_fight", staff.forms(&plan));
    let explained = staff.ask(&staff.lead, &format!("!provisioner explain {sub}")).await;
    assert!(explained["body"].as_str().unwrap().contains("undone 5 times"), "{explained:#}");
    let told = about(&staff, "is not repeated any more").await;
    assert!(told.iter().all(|event| !event.to_string().contains("Over: ")), "{told:#?}");
    assert_eq!(staff.posted("is not repeated any more").await, alert);
}

async fn a_bot_that_was_lowered_is_told_of_until_it_is_raised(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    let (room, bot) = (&staff.stage.analysts, &staff.stage.slot.bot);
    let raised = staff.stage.admin.state(room, "m.room.power_levels", "").await.unwrap().unwrap();
    let mut lowered = raised.clone();
    lowered["users"][bot] = json!(10);
    staff.stage.bot.send_state(room, "m.room.power_levels", "", lowered).await.unwrap();
    let alert = staff.posted("the bot has level 10 in analysts").await;
    let said = staff.said().await;
    let content = &said.iter().find(|event| event["event_id"] == alert).unwrap()["content"];
    insta::assert_snapshot!("lowered", staff.forms(content));
    let status = staff.stage.service.run_cli(&["status"]).await.unwrap().stdout;
    assert!(status.starts_with("1 thing is wrong:\nnotice: the bot has level 10 in analysts"), "{status}");
    staff.stage.admin.send_state(room, "m.room.power_levels", "", raised).await.unwrap();
    staff.until_says(&alert, &["Over: the bot has the level again that it needs in analysts"]).await;
    assert_eq!(about(&staff, "the bot has ").await.len(), 2, "one message and one edit");
}

async fn an_encrypted_staff_room_is_told_of_with_its_mend(version: SynapseVersion) {
    let staff = closed(version, Settings { resync_interval: "3s", ..Settings::default() }).await;
    staff.start().await;
    let sound = staff.stage.service.run_cli(&["doctor"]).await.unwrap();
    assert!(sound.stdout.contains("staff: the bot can read what is said there"), "{sound:?}");
    let algorithm = json!({"algorithm": "m.megolm.v1.aes-sha2"});
    staff.stage.admin.send_state(&staff.stage.staff, "m.room.encryption", "", algorithm).await.unwrap();
    let alert = staff.posted("end-to-end encrypted").await;
    let said = staff.said().await;
    let content = &said.iter().find(|event| event["event_id"] == alert).unwrap()["content"];
    insta::assert_snapshot!("encrypted", staff.forms(content));
    let doctor = staff.stage.service.run_cli(&["doctor", "--json"]).await.unwrap().json().unwrap();
    let failed: Vec<&Value> =
        doctor["findings"].as_array().unwrap().iter().filter(|finding| finding["status"] == "fail").collect();
    assert_eq!(failed.len(), 1, "{doctor:#}");
    assert_eq!(failed[0]["check"], "commands");
    assert!(failed[0]["mend"].as_str().unwrap().contains("make a new room without it"), "{doctor:#}");
    // Another managed room may be encrypted: nothing is read there.
    let algorithm = json!({"algorithm": "m.megolm.v1.aes-sha2"});
    staff.stage.admin.send_state(&staff.stage.analysts, "m.room.encryption", "", algorithm).await.unwrap();
    staff.ask(&staff.lead, "!provisioner sync").await;
    assert_eq!(about(&staff, "end-to-end encrypted").await.len(), 1);
}
