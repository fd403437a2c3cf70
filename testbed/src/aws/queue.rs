//! One queue and its dead letters: what a sender may do, and what a test wants to see.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};

use super::call::{self, call, text};

/// The most SQS takes or gives at once.
const BATCH: usize = 10;

/// How a queue is made.
#[derive(Debug, Clone, Copy)]
pub struct QueueOptions {
    /// Whole seconds.
    pub visibility_timeout: Duration,
    /// After how many receipts a message goes to the dead-letter queue. Without, there is none.
    pub dead_letter: Option<u32>,
}

impl Default for QueueOptions {
    /// As `deploy/forwarder` tells operators to make it.
    fn default() -> QueueOptions {
        QueueOptions { visibility_timeout: Duration::from_secs(60), dead_letter: Some(5) }
    }
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Waiting to be received.
    pub visible: u64,
    /// Received, and not deleted yet.
    pub in_flight: u64,
    /// Sent, and not to be received yet.
    pub delayed: u64,
}

/// One queue. Cheap to clone; for the test that made it, as its connections belong to that test's runtime.
#[derive(Debug, Clone)]
pub struct Queue {
    /// For `url` of `[queue]`.
    pub url: String,
    pub dead_letter_url: Option<String>,
    /// For `endpoint_url` of `[queue]`.
    pub endpoint: String,
    pub(super) client: Client,
}

impl Queue {
    /// Sends all of them, ten at a time and in order.
    ///
    /// # Errors
    /// When SQS refuses one.
    pub async fn send(&self, bodies: &[impl AsRef<str>]) -> Result<()> {
        for batch in bodies.chunks(BATCH) {
            let entry = |(id, body): (usize, &_)| json!({ "Id": id.to_string(), "MessageBody": AsRef::as_ref(body) });
            let entries: Vec<Value> = batch.iter().enumerate().map(entry).collect();
            self.all_of("SendMessageBatch", &self.url, &entries).await?;
        }
        Ok(())
    }

    /// # Errors
    /// When SQS is down.
    pub async fn depth(&self) -> Result<Depth> {
        self.depth_of(&self.url).await
    }

    /// SQS moves a message there when somebody asks the queue for messages, not before.
    ///
    /// # Errors
    /// When SQS is down, or the queue has no dead-letter queue.
    pub async fn dead_letter_depth(&self) -> Result<Depth> {
        self.depth_of(self.dead_letters()?).await
    }

    /// Waits for one message, receives it and deletes it, as a consumer does.
    ///
    /// # Errors
    /// When SQS is down, or none comes in time.
    pub(crate) async fn receive(&self, wait: Duration) -> Result<()> {
        let wanted = json!({ "QueueUrl": self.url, "MaxNumberOfMessages": 1, "WaitTimeSeconds": wait.as_secs() });
        let answer = self.call("ReceiveMessage", &wanted).await?;
        let handle = &answer["Messages"][0]["ReceiptHandle"];
        ensure!(handle.is_string(), "no message came within {wait:?}");
        self.call("DeleteMessage", &json!({ "QueueUrl": self.url, "ReceiptHandle": handle })).await.map(drop)
    }

    /// Receives and deletes all that is visible, and gives the bodies.
    ///
    /// # Errors
    /// When SQS is down.
    pub async fn take(&self) -> Result<Vec<String>> {
        self.take_from(&self.url).await
    }

    /// Receives and deletes all that is in the dead-letter queue, and gives the bodies.
    ///
    /// # Errors
    /// When SQS is down, or the queue has no dead-letter queue.
    pub async fn take_dead_letters(&self) -> Result<Vec<String>> {
        self.take_from(self.dead_letters()?).await
    }

    /// Deletes all messages, also those in flight.
    ///
    /// # Errors
    /// When SQS is down.
    pub async fn purge(&self) -> Result<()> {
        self.call("PurgeQueue", &json!({ "QueueUrl": self.url })).await.map(drop)
    }

    fn dead_letters(&self) -> Result<&str> {
        self.dead_letter_url.as_deref().context("this queue has no dead-letter queue")
    }

    async fn depth_of(&self, url: &str) -> Result<Depth> {
        let answer = self.call("GetQueueAttributes", &json!({ "QueueUrl": url, "AttributeNames": ["All"] })).await?;
        let count = |name: &str| {
            let value = answer["Attributes"][name].as_str().with_context(|| format!("the answer has no {name}"))?;
            value.parse::<u64>().with_context(|| format!("read {name}"))
        };
        Ok(Depth {
            visible: count("ApproximateNumberOfMessages")?,
            in_flight: count("ApproximateNumberOfMessagesNotVisible")?,
            delayed: count("ApproximateNumberOfMessagesDelayed")?,
        })
    }

    async fn take_from(&self, url: &str) -> Result<Vec<String>> {
        self.take_all(url).await?.iter().map(|message| text(&message["Body"])).collect()
    }

    /// Receives and deletes all that is visible, attributes included.
    pub(super) async fn take_messages(&self) -> Result<Vec<Value>> {
        self.take_all(&self.url).await
    }

    async fn take_all(&self, url: &str) -> Result<Vec<Value>> {
        let mut taken = Vec::new();
        loop {
            let wanted = json!({
                "QueueUrl": url, "MaxNumberOfMessages": BATCH, "WaitTimeSeconds": 0, "MessageAttributeNames": ["All"],
                "AttributeNames": ["All"],
            });
            let answer = self.call("ReceiveMessage", &wanted).await?;
            let messages = answer["Messages"].as_array().map(Vec::as_slice).unwrap_or_default();
            if messages.is_empty() {
                return Ok(taken);
            }
            let entry = |(id, message): (usize, &Value)| json!({ "Id": id.to_string(), "ReceiptHandle": message["ReceiptHandle"] });
            let entries: Vec<Value> = messages.iter().enumerate().map(entry).collect();
            self.all_of("DeleteMessageBatch", url, &entries).await?;
            taken.extend(messages.iter().cloned());
        }
    }

    /// A batch succeeds as a whole although entries of it have failed.
    async fn all_of(&self, action: &str, url: &str, entries: &[Value]) -> Result<()> {
        let answer = self.call(action, &json!({ "QueueUrl": url, "Entries": entries })).await?;
        let complete = answer["Failed"].as_array().is_none_or(Vec::is_empty);
        ensure!(complete, "part of {action} failed: {answer}");
        Ok(())
    }

    async fn call(&self, action: &str, body: &Value) -> Result<Value> {
        call(&self.client, &self.endpoint, call::SQS, action, body).await
    }
}
