//! The emulated SQS: batches, depths, dead letters, and nobody but this machine to talk to.

use std::time::{Duration, Instant};

use testbed::{Depth, QueueOptions, Sqs, shared_sqs, wait_until};

const BOUND: Duration = Duration::from_secs(10);

#[tokio::test]
async fn messages_are_counted_taken_and_purged() {
    let queue = shared_sqs().await.create_queue("counted", QueueOptions::default()).await.unwrap();
    let bodies: Vec<String> = (0..23).map(|number| format!("message {number}")).collect();
    queue.send(&bodies).await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), Depth { visible: 23, ..Depth::default() });
    let mut taken = queue.take().await.unwrap();
    taken.sort();
    let mut wanted = bodies.clone();
    wanted.sort();
    assert_eq!(taken, wanted);
    assert_eq!(queue.depth().await.unwrap(), Depth::default());
    queue.send(&bodies).await.unwrap();
    queue.purge().await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), Depth::default());
    assert_eq!(queue.dead_letter_depth().await.unwrap(), Depth::default());
}

#[tokio::test]
async fn a_message_nobody_deletes_ends_among_the_dead_letters() {
    let options = QueueOptions { visibility_timeout: Duration::ZERO, dead_letter: Some(2) };
    let queue = shared_sqs().await.create_queue("poison", options).await.unwrap();
    queue.send(&["poison"]).await.unwrap();
    let client = reqwest::Client::new();
    wait_until("it is dead", BOUND, async || {
        receive(&client, &queue.endpoint, &queue.url).await.unwrap();
        queue.dead_letter_depth().await.unwrap().visible == 1
    })
    .await
    .unwrap();
    assert_eq!(queue.depth().await.unwrap(), Depth::default());
    assert_eq!(queue.take_dead_letters().await.unwrap(), ["poison"]);
}

#[tokio::test]
async fn queues_of_one_name_are_two_and_not_every_queue_has_dead_letters() {
    let sqs = shared_sqs().await;
    let options = QueueOptions { dead_letter: None, ..QueueOptions::default() };
    let one = sqs.create_queue("same", options).await.unwrap();
    let other = sqs.create_queue("same", options).await.unwrap();
    one.send(&["for one"]).await.unwrap();
    assert_eq!(other.depth().await.unwrap(), Depth::default());
    assert!(one.dead_letter_depth().await.is_err());
}

#[tokio::test]
async fn a_burst_of_a_thousand_takes_no_time() {
    let queue = shared_sqs().await.create_queue("burst", QueueOptions::default()).await.unwrap();
    let start = Instant::now();
    queue.send(&vec!["x".repeat(400); 1000]).await.unwrap();
    let sent = start.elapsed();
    assert_eq!(queue.take().await.unwrap().len(), 1000);
    println!("sent in {sent:?}, received and deleted in {:?}", start.elapsed().saturating_sub(sent));
    assert!(start.elapsed() < BOUND);
}

#[tokio::test]
async fn one_s_own_can_be_stopped() {
    let sqs = Sqs::start().await.unwrap();
    let queue = sqs.create_queue("gone", QueueOptions::default()).await.unwrap();
    sqs.stop().await.unwrap();
    assert!(queue.depth().await.is_err());
    let error = sqs.create_queue("none", QueueOptions::default()).await.unwrap_err();
    assert!(format!("{error:?}").contains("ministack's log"), "{error:?}");
}

/// Receives without deleting.
async fn receive(client: &reqwest::Client, endpoint: &str, queue: &str) -> reqwest::Result<()> {
    let request = client
        .post(endpoint)
        .header("X-Amz-Target", "AmazonSQS.ReceiveMessage")
        .header("Content-Type", "application/x-amz-json-1.0")
        .body(serde_json::json!({ "QueueUrl": queue }).to_string());
    request.send().await?.error_for_status().map(drop)
}
