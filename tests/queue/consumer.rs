//! What becomes of messages while nothing is wrong but they.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use phenom_provisioner::intake::queue::{ConfirmOutcome, Redrive};

use super::fake::Fake;
use super::support::{Office, body, consume, event, quick, until};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn confirmations_are_recorded_once_and_deleted_in_batches() {
    let (fake, office) = (Fake::start().await, Office::default());
    (0..40).for_each(|n| drop(fake.send(&body(&format!("sub-{n}")))));
    let running = consume(&fake.queue().await, &office, MINUTE, 20, quick());
    until("the queue is empty", async || fake.left() == 0).await;
    assert_eq!(office.confirmed().len(), 40);
    assert!(office.confirmed().values().all(|times| *times == 1));
    let batches = fake.calls("DeleteMessageBatch").len();
    assert!(batches <= 10, "40 messages were deleted by {batches} requests");
    running.end().await;
}

#[tokio::test]
async fn no_more_is_received_than_can_be_worked_on() {
    let (fake, office) = (Fake::start().await, Office::default());
    let gates: Vec<_> = (0..8).map(|n| office.hold(&format!("sub-{n}"))).collect();
    (0..8).for_each(|n| drop(fake.send(&body(&format!("sub-{n}")))));
    let running = consume(&fake.queue().await, &office, MINUTE, 3, quick());
    until("three are worked on", async || running.status.snapshot().in_flight == 3).await;
    let asked: Vec<u64> =
        fake.calls("ReceiveMessage").iter().map(|call| call["MaxNumberOfMessages"].as_u64().unwrap()).collect();
    assert_eq!(asked, [3]);
    gates[0].cancel();
    until("the next one is received", async || fake.receives().values().sum::<u32>() == 3 && fake.left() == 7).await;
    assert_eq!(fake.calls("ReceiveMessage")[1]["MaxNumberOfMessages"], 1);
    gates.iter().for_each(tokio_util::sync::CancellationToken::cancel);
    until("the queue is empty", async || fake.left() == 0).await;
    running.end().await;
}

#[tokio::test]
async fn a_long_job_is_hidden_again_at_half_time_and_deleted_by_its_newest_handle() {
    let (fake, office) = (Fake::start().await, Office::default());
    let gate = office.hold("sub");
    let id = fake.send(&body("sub"));
    let running = consume(&fake.queue().await, &office, Duration::from_secs(2), 4, quick());
    until("it is hidden twice", async || fake.hidden().len() >= 2).await;
    let old = fake.handle(&id);
    assert!(fake.hidden().iter().all(|hidden| *hidden == (old.clone(), 2)));
    assert_eq!(fake.receives()[&id], 1, "it was hidden in time");

    fake.show(&id);
    until("it is received again", async || fake.receives()[&id] == 2).await;
    let new = fake.handle(&id);
    until("it is hidden by the new handle", async || fake.hidden().contains(&(new.clone(), 2))).await;
    assert_eq!(office.attempts("sub"), 1, "a message is worked on once at a time");

    gate.cancel();
    until("it is deleted", async || fake.left() == 0).await;
    let deletions = fake.calls("DeleteMessageBatch");
    assert_eq!(deletions.last().unwrap()["Entries"][0]["ReceiptHandle"], new.as_str());
    running.end().await;
}

#[tokio::test]
async fn what_a_batch_fails_to_delete_is_deleted_by_the_next_one() {
    let (fake, office) = (Fake::start().await, Office::default());
    fake.fail_deletions(3);
    (0..5).for_each(|n| drop(fake.send(&body(&format!("sub-{n}")))));
    let running = consume(&fake.queue().await, &office, MINUTE, 10, quick());
    until("the queue is empty", async || fake.left() == 0).await;
    assert!(office.confirmed().values().all(|times| *times == 1), "nothing was received again for it");
    running.end().await;
}

#[tokio::test]
async fn a_poisoned_message_is_recorded_once_goes_to_the_dead_letters_and_delays_nobody() {
    let (fake, office) = (Fake::start().await, Office::default());
    fake.redrive_after(3);
    let poison = fake.send("no JSON of jo@example.org");
    (0..30).for_each(|n| drop(fake.send(&body(&format!("sub-{n}")))));
    let running = consume(&fake.queue().await, &office, MINUTE, 1, quick());
    until("all others are through", async || office.confirmed().len() == 30).await;
    until("it is dead", async || fake.dead() == [poison.clone()]).await;
    assert_eq!(office.refused()[&poison], ["it is not JSON"]);
    assert_eq!(running.status.snapshot().redrive, Some(Redrive::After(3)));
    running.end().await;
}

#[tokio::test]
async fn without_dead_letters_a_refused_message_is_deleted_once_that_is_durable() {
    let (fake, office) = (Fake::start().await, Office::default());
    office.fail_to_refuse(Some("the database is gone"));
    office.answer(|_, _| ConfirmOutcome::Refused("the pool says so".to_owned()));
    let (refused, forged) = (fake.send(&body("sub")), fake.send(&event("sub", "us-east-1_other").to_string()));
    let elsewhere = fake.send_with(&body("sub"), [("environment", "staging")]);
    let running = consume(&fake.queue().await, &office, MINUTE, 4, quick());
    until("the trouble is seen", async || running.status.snapshot().trouble.is_some()).await;
    assert_eq!(fake.left(), 3, "nothing is deleted before its refusal is durable");
    office.fail_to_refuse(None);
    until("the queue is empty", async || fake.left() == 0).await;
    let reasons = office.refused();
    assert_eq!(reasons[&refused], ["the pool says so"]);
    assert_eq!(reasons[&forged].len(), 1);
    insta::assert_snapshot!(reasons[&forged][0], @r#"it is of the user pool "us-east-1_other", and cognito.user_pool_id is "us-east-1_knEL7cqS3""#);
    insta::assert_snapshot!(reasons[&elsewhere][0], @r#"it is meant for the environment "staging", and this one is "production""#);
    running.end().await;
}

#[tokio::test]
async fn who_is_absent_is_looked_for_again_and_refused_at_the_fourth_receive() {
    let (fake, office) = (Fake::start().await, Office::default());
    office.answer(|subject, receives| match (subject, receives) {
        ("late", 2..) => ConfirmOutcome::Recorded,
        _ => ConfirmOutcome::Absent,
    });
    let (late, never) = (fake.send(&body("late")), fake.send(&body("never")));
    let running = consume(&fake.queue().await, &office, MINUTE, 4, quick());
    for receives in 1..4 {
        // Received, and not in flight yet, looks like given back: what was hidden tells.
        let hidden = || fake.hidden().into_iter().rfind(|(handle, _)| *handle == fake.handle(&never));
        until("it is given back", async || fake.receives()[&never] == receives && hidden().is_some()).await;
        assert_eq!(hidden().unwrap().1, 1 << (receives - 1));
        fake.show(&never);
    }
    until("both are through", async || fake.left() == 0).await;
    assert_eq!(office.confirmed()["late"], 1);
    assert!(!office.refused().contains_key(&late));
    assert_eq!(office.refused()[&never], ["the pool does not know its sub"]);
    running.end().await;
}

#[tokio::test]
async fn nothing_becomes_a_dead_letter_without_its_line() {
    let (fake, office) = (Fake::start().await, Office::default());
    fake.redrive_after(2);
    office.answer(|subject, _| match subject {
        "never" => ConfirmOutcome::Absent,
        "odd" => ConfirmOutcome::Trouble("nobody knows".to_owned()),
        _ => ConfirmOutcome::Recorded,
    });
    let running = consume(&fake.queue().await, &office, MINUTE, 4, quick());
    until("the policy is known", async || running.status.snapshot().redrive == Some(Redrive::After(2))).await;
    let (never, odd) = (fake.send(&body("never")), fake.send(&body("odd")));
    let mut sent = 0;
    until("both are dead", async || {
        sent += 1;
        fake.send(&body(&format!("sub-{sent}")));
        // Each as soon as it was given back by its newest handle.
        let (left, hidden) = (fake.receives(), fake.hidden());
        let is_back = |id: &&String| hidden.iter().any(|(handle, _)| *handle == fake.handle(id));
        [&never, &odd].into_iter().filter(|id| left.contains_key(*id)).filter(is_back).for_each(|id| fake.show(id));
        fake.dead().len() == 2
    })
    .await;
    assert_eq!(office.refused()[&never], ["the pool does not know its sub"]);
    assert_eq!(office.refused()[&odd], ["it failed at its last receive, while others succeeded: nobody knows"]);
    running.end().await;
}

#[tokio::test]
async fn outcomes_and_the_age_of_the_oldest_message_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (fake, office) = (Fake::start().await, Office::default());
    office.answer(|subject, receives| match (subject, receives) {
        ("absent", 1) => ConfirmOutcome::Absent,
        _ => ConfirmOutcome::Recorded,
    });
    let gate = office.hold("slow");
    ["slow", "absent", "other"].iter().for_each(|subject| drop(fake.send(&body(subject))));
    fake.send("poison");
    let running = consume(&fake.queue().await, &office, MINUTE, 4, quick());
    until("all but one are through", async || fake.left() == 1).await;
    let shown = metrics.render();
    for line in ["{outcome=\"recorded\"} 2", "{outcome=\"absent\"} 1", "{outcome=\"refused\"} 1"] {
        assert!(shown.contains(&format!("provisioner_queue_messages_total{line}")), "{shown}");
    }
    assert!(shown.contains("provisioner_queue_age_seconds 9"), "{shown}");
    assert!(running.status.snapshot().oldest >= Duration::from_secs(90));
    gate.cancel();
    until("the age is zero", async || metrics.render().contains("provisioner_queue_age_seconds 0\n")).await;
    running.end().await;
}
