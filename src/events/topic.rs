//! The calls to SNS, in our words. Decides nothing and repeats nothing.

use std::sync::Arc;

use aws_sdk_sns::Client;
use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use sha2::{Digest, Sha256};

use super::cloud_event::Event;
use super::error::TopicError;
use crate::aws;

/// The name of a topic that keeps the order of a group ends so.
const FIFO: &str = ".fifo";

/// The longest name of a group, and of a message among its like, in a FIFO topic.
const LONGEST_NAME: usize = 128;

/// The key that SNS makes by itself for an account: its policy lets in every user of the topic.
const OF_SNS_ITSELF: &str = "alias/aws/sns";

/// The topic. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Topic {
    client: Client,
    arn: Arc<str>,
}

/// What became of one event of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    Taken,
    /// Worth another attempt.
    Failed(String),
    /// The event itself is what SNS does not take.
    Refused(String),
}

/// What a topic says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicState {
    pub subscriptions: u64,
    /// The key of KMS that it is encrypted with, where it is one that the role must be let use.
    pub own_key: Option<String>,
}

impl Topic {
    /// Prepares the topic; the first request finds out whether it is there. `endpoint_url` is for emulators.
    pub async fn connect(arn: &str, endpoint_url: Option<&str>) -> Self {
        let region = arn.split(':').nth(3).unwrap_or_default();
        Self { client: Client::new(&aws::load(region, endpoint_url).await), arn: arn.into() }
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Publishes at most 10 events. The answer is in their order.
    pub async fn publish(&self, batch: &[&Event]) -> Result<Vec<Delivery>, TopicError> {
        let entries: Result<Vec<_>, _> = batch.iter().enumerate().map(|(at, event)| self.entry(at, event)).collect();
        let entries = entries.map_err(TopicError::unusable)?;
        let call = self.client.publish_batch().topic_arn(&*self.arn).set_publish_batch_request_entries(Some(entries));
        let answer = aws::quiet(call.send()).await?;
        // What the answer does not name is sent again.
        let mut deliveries = vec![Delivery::Failed("no answer for it".to_owned()); batch.len()];
        let taken = answer.successful().iter().map(|entry| (entry.id().unwrap_or_default(), Delivery::Taken));
        let failed = answer.failed().iter().map(|entry| {
            let why = match entry.message() {
                Some(message) => format!("{}: {message}", entry.code()),
                None => entry.code().to_owned(),
            };
            (entry.id(), if entry.sender_fault() { Delivery::Refused(why) } else { Delivery::Failed(why) })
        });
        for (id, delivery) in taken.chain(failed) {
            if let Some(slot) = id.parse().ok().and_then(|at: usize| deliveries.get_mut(at)) {
                *slot = delivery;
            }
        }
        Ok(deliveries)
    }

    /// What it says of itself. Nothing is published.
    pub async fn state(&self) -> Result<TopicState, TopicError> {
        let answer = aws::quiet(self.client.get_topic_attributes().topic_arn(&*self.arn).send()).await?;
        let of = |name: &str| answer.attributes().and_then(|attributes| attributes.get(name)).cloned();
        let own_key = of("KmsMasterKeyId").filter(|key| !key.is_empty() && !key.ends_with(OF_SNS_ITSELF));
        let subscriptions = of("SubscriptionsConfirmed").and_then(|count| count.parse().ok()).unwrap_or_default();
        Ok(TopicState { subscriptions, own_key })
    }

    fn entry(&self, at: usize, event: &Event) -> Result<PublishBatchRequestEntry, BuildError> {
        let mut entry = PublishBatchRequestEntry::builder().id(at.to_string()).message(&event.body);
        for (name, value) in event.attributes() {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build()?;
            entry = entry.message_attributes(name, value);
        }
        if self.arn.ends_with(FIFO) {
            entry = entry.message_group_id(short(&event.about)).message_deduplication_id(short(&event.id));
        }
        entry.build()
    }
}

/// A name that a FIFO topic takes. MXIDs may be longer.
fn short(name: &str) -> String {
    let is_graphic = name.bytes().all(|byte| byte.is_ascii_graphic());
    if name.len() <= LONGEST_NAME && is_graphic { name.to_owned() } else { hex::encode(Sha256::digest(name)) }
}

#[cfg(test)]
mod tests;
