//! Trouble on our side, with the pool, with one message, and with SQS.

use std::time::Duration;

use axum::http::StatusCode;
use phenom_provisioner::intake::queue::ConfirmOutcome;
use testbed::free_port;

use super::fake::Fake;
use super::support::{Office, body, consume, quick, until};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_outage_of_ours_costs_no_message_a_second_receive() {
    let (fake, office) = (Fake::start().await, Office::default());
    fake.redrive_after(2);
    office.answer(|_, _| ConfirmOutcome::Trouble("the database is gone".to_owned()));
    let ids: Vec<_> = (0..20).map(|n| fake.send(&body(&format!("sub-{n}")))).collect();
    let running = consume(&fake.queue().await, &office, Duration::from_secs(1), 4, quick());
    until("every message in hand was tried often", async || (0..4).all(|n| office.attempts(&format!("sub-{n}")) >= 5))
        .await;
    assert_eq!(running.status.snapshot().trouble.as_deref(), Some("the database is gone"));
    let receives = fake.receives();
    assert_eq!(ids.iter().map(|id| receives[id]).collect::<Vec<_>>(), [vec![1; 4], vec![0; 16]].concat());
    office.answer(|_, _| ConfirmOutcome::Recorded);
    until("all are through", async || office.confirmed().len() == 20 && fake.left() == 0).await;
    assert!(fake.dead().is_empty());
    assert_eq!(running.status.snapshot().trouble, None);
    running.end().await;
}

#[tokio::test]
async fn receives_grow_rare_in_an_outage_and_ask_for_one_message() {
    let (fake, office) = (Fake::start().await, Office::default());
    office.answer(|_, _| ConfirmOutcome::Trouble("the database is gone".to_owned()));
    fake.send(&body("first"));
    let running = consume(&fake.queue().await, &office, MINUTE, 100, quick());
    until("the trouble is seen", async || running.status.snapshot().trouble.is_some()).await;
    (0..50).for_each(|n| drop(fake.send(&body(&format!("sub-{n}")))));
    until("another one was tried", async || office.attempts("sub-0") >= 3).await;
    let asked = fake.calls("ReceiveMessage");
    let asked: Vec<u64> = asked.iter().map(|call| call["MaxNumberOfMessages"].as_u64().unwrap()).collect();
    // The second receive was under way when the first message met trouble.
    assert!(asked[2..].iter().all(|most| *most == 1), "{asked:?}");
    assert!(fake.receives().values().sum::<u32>() <= 16, "{:?}", fake.receives());
    office.answer(|_, _| ConfirmOutcome::Recorded);
    until("all are through", async || fake.left() == 0).await;
    running.end().await;
}

#[tokio::test]
async fn a_message_that_fails_while_others_succeed_is_given_back_for_longer_each_time() {
    let (fake, office) = (Fake::start().await, Office::default());
    office.answer(|subject, _| match subject {
        "odd" => ConfirmOutcome::Trouble("nobody knows".to_owned()),
        _ => ConfirmOutcome::Recorded,
    });
    let odd = fake.send(&body("odd"));
    let (mut sent, running) = (0, consume(&fake.queue().await, &office, MINUTE, 2, quick()));
    for delay in [30, 60] {
        until("it is given back", async || {
            sent += 1;
            fake.send(&body(&format!("sub-{sent}")));
            fake.hidden().last() == Some(&(fake.handle(&odd), delay))
        })
        .await;
        fake.show(&odd);
    }
    until("all others are through", async || office.confirmed().len() == sent).await;
    running.end().await;
}

/// Poison is refused without anybody being asked: that says nothing of those who do not answer.
#[tokio::test]
async fn poison_in_an_outage_costs_no_other_message_a_second_receive() {
    let (fake, office) = (Fake::start().await, Office::default());
    office.answer(|_, _| ConfirmOutcome::Trouble("the pool is silent".to_owned()));
    let ids = ["one", "two"].map(|subject| fake.send(&body(subject)));
    let running = consume(&fake.queue().await, &office, MINUTE, 4, quick());
    let tried = async |times| {
        until("both are tried", async || ["one", "two"].iter().all(|subject| office.attempts(subject) >= times)).await;
    };
    tried(1).await;
    let poison = fake.send("no JSON");
    until("the poison is refused", async || office.refused().contains_key(&poison)).await;
    tried(office.attempts("one").max(office.attempts("two")) + 3).await;
    assert_eq!(running.status.snapshot().trouble.as_deref(), Some("the pool is silent"));
    let receives = fake.receives();
    assert_eq!(ids.map(|id| receives[&id]), [1, 1]);
    running.end().await;
}

/// What says nothing can meet trouble, too: that its refusal cannot be noted.
#[tokio::test]
async fn the_trouble_of_poison_is_over_when_it_is_refused() {
    let (fake, office) = (Fake::start().await, Office::default());
    office.fail_to_refuse(Some("the database is gone"));
    let poison = fake.send("no JSON");
    let running = consume(&fake.queue().await, &office, MINUTE, 4, quick());
    until("the trouble is seen", async || running.status.snapshot().trouble.is_some()).await;
    office.fail_to_refuse(None);
    until("it is refused", async || office.refused().contains_key(&poison)).await;
    until("nothing is wrong", async || running.status.snapshot().trouble.is_none()).await;
    running.end().await;
}

#[tokio::test]
async fn receives_back_off_while_sqs_fails_and_go_on_by_themselves() {
    let (fake, office) = (Fake::start().await, Office::default());
    fake.fail(Some((StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")));
    fake.send(&body("sub"));
    let running = consume(&fake.queue().await, &office, MINUTE, 4, quick());
    let begun = std::time::Instant::now();
    until("it failed five times", async || fake.calls("ReceiveMessage").len() == 5).await;
    assert!(begun.elapsed() >= Duration::from_millis(50 + 100 + 200 + 400), "{:?}", begun.elapsed());
    let error = running.status.snapshot().last_error.unwrap();
    assert!(error.starts_with("the queue cannot be reached"), "{error}");
    fake.fail(None);
    until("the message is through", async || fake.left() == 0).await;
    assert_eq!(running.status.snapshot().last_error, None);
    running.end().await;
}

#[tokio::test]
async fn a_missing_queue_bad_credentials_and_no_answer_are_told_apart() {
    let fake = Fake::start().await;
    let queue = fake.queue().await;
    fake.fail(Some((StatusCode::BAD_REQUEST, "QueueDoesNotExist")));
    let missing = queue.queue_depth().await.unwrap_err();
    assert!(missing.is_misconfigured());
    insta::assert_snapshot!(missing.chain(), @"there is no queue at queue.url: QueueDoesNotExist: as the test asked; mend the URL, or create the queue");
    fake.fail(Some((StatusCode::FORBIDDEN, "AccessDeniedException")));
    let denied = queue.redrive().await.unwrap_err();
    assert!(denied.is_misconfigured());
    insta::assert_snapshot!(denied.chain(), @"there are no AWS credentials, or they may not use the queue: AccessDeniedException: as the test asked; give the service a role, and the role sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility and sqs:GetQueueAttributes on the queue");
    fake.fail(Some((StatusCode::BAD_REQUEST, "RequestThrottled")));
    insta::assert_snapshot!(queue.queue_depth().await.unwrap_err().chain(), @"the queue asks for fewer requests: RequestThrottled: as the test asked");

    let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
    let queue = phenom_provisioner::intake::queue::Queue::connect(&nobody, Some(&nobody), None).await;
    let unreachable = queue.queue_depth().await.unwrap_err();
    assert!(!unreachable.is_misconfigured());
    let told = unreachable.chain();
    assert!(told.starts_with("the queue cannot be reached: ") && told.ends_with("; its messages wait there"), "{told}");
}
