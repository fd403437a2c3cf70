//! The consumer against moto's SQS.

use std::time::Duration;

use phenom_provisioner::intake::queue::Queue;
use serde_json::{Value, json};
use testbed::Moto;

use super::support::{Office, body, consume, quick, until};

/// moto checks no signature, and finds out by it which service is meant.
const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=none";

/// A queue with a dead-letter queue at moto.
struct Emulated {
    moto: Moto,
    http: reqwest::Client,
    url: String,
}

impl Emulated {
    async fn start(most_receives: u32) -> Self {
        let moto = Moto::start().await.unwrap();
        let mut emulated = Self { moto, http: reqwest::Client::new(), url: String::new() };
        let dead = emulated.call("CreateQueue", json!({"QueueName": "dead"})).await["QueueUrl"].clone();
        let asked = json!({"QueueUrl": dead, "AttributeNames": ["QueueArn"]});
        let arn = emulated.call("GetQueueAttributes", asked).await["Attributes"]["QueueArn"].clone();
        let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": most_receives}).to_string();
        let asked = json!({"QueueName": "confirmations", "Attributes": {"RedrivePolicy": policy}});
        let url = emulated.call("CreateQueue", asked).await["QueueUrl"].clone();
        emulated.url = url.as_str().unwrap().to_owned();
        emulated
    }

    async fn call(&self, action: &str, body: Value) -> Value {
        let request = self.http.post(self.moto.url()).header("x-amz-target", format!("AmazonSQS.{action}"));
        let request = request
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", SIGNED)
            .body(body.to_string());
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    async fn send(&self, body: &str) {
        self.call("SendMessage", json!({"QueueUrl": self.url, "MessageBody": body})).await;
    }

    async fn queue(&self) -> Queue {
        Queue::connect(&self.url, Some(&self.moto.url()), None).await
    }
}

#[tokio::test]
async fn a_burst_with_every_message_twice_and_a_poisoned_one_ends_with_an_empty_queue() {
    let emulated = Emulated::start(3).await;
    let queue = emulated.queue().await;
    for n in 0..20 {
        emulated.send(&body(&format!("sub-{n}"))).await;
        if n == 10 {
            emulated.send("poison").await;
        }
        // The duplicate of another one: half of them come before their original.
        emulated.send(&body(&format!("sub-{}", (n * 7 + 3) % 20))).await;
    }
    assert_eq!(queue.queue_depth().await.unwrap(), 41);
    let office = Office::default();
    let running = consume(&queue, &office, Duration::from_secs(30), 16, quick());
    until("everybody is confirmed", async || office.confirmed().len() == 20).await;
    until("the poison is dead", async || queue.dead_letter_depth().await.unwrap() == Some(1)).await;
    until("the queue is empty", async || queue.queue_depth().await.unwrap() == 0).await;
    assert!(office.confirmed().values().all(|times| *times == 2));
    assert_eq!(office.refused().len(), 1);
    running.end().await;
}

#[tokio::test]
async fn a_stopped_consumer_leaves_nothing_hidden() {
    let emulated = Emulated::start(5).await;
    let queue = emulated.queue().await;
    let office = Office::default();
    let running = consume(&queue, &office, Duration::from_secs(300), 2, quick());
    until("it polls", async || running.status.snapshot().last_poll.is_some()).await;
    running.end().await;
    emulated.send(&body("sub")).await;
    let running = consume(&queue, &office, Duration::from_secs(300), 2, quick());
    until("the message is taken", async || office.confirmed().len() == 1).await;
    running.end().await;
    assert_eq!(queue.queue_depth().await.unwrap(), 0);
}
