//! The calls to SQS, in our words. Decides nothing and repeats nothing.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName as System, QueueAttributeName as Attribute,
};

use super::dead_letters::DeadLetterQueue;
use super::error::QueueError;
use super::region::region;
use super::timing::Timing;
use crate::aws;

/// The message attribute that may say which environment a message is meant for.
const ENVIRONMENT: &str = "environment";

/// The key that SQS makes by itself for an account: its policy lets in every user of the queue.
const OF_SQS_ITSELF: &str = "alias/aws/sqs";

/// What a long poll may take beyond its wait.
const POLL_MARGIN: Duration = Duration::from_secs(5);

/// The queue. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: Arc<str>,
    emulated: bool,
}

/// A message as it came. Its body is a person's data: it has no `Debug`.
pub(super) struct Received {
    pub(super) id: String,
    pub(super) handle: String,
    pub(super) receives: u32,
    pub(super) sent: SystemTime,
    pub(super) environment: Option<String>,
    pub(super) body: String,
}

/// What became of one entry of a batch of deletions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deletion {
    Done,
    /// Worth another attempt.
    Failed,
    /// The handle is not good any more: the message is elsewhere by now.
    Refused,
}

impl Queue {
    /// Prepares the queue; the first request finds out whether it is there. The region is that of the URL, or else the one
    /// given. `endpoint_url` is for emulators.
    pub async fn connect(url: &str, endpoint_url: Option<&str>, region_elsewhere: Option<&str>) -> Self {
        let region = region(url, region_elsewhere);
        let client = Client::new(&aws::load(&region, endpoint_url).await);
        Self { client, url: url.into(), emulated: endpoint_url.is_some() }
    }

    /// The waits that suit it: those of SQS, or of emulators.
    pub fn timing(&self) -> Timing {
        if self.emulated { Timing::for_emulators() } else { Timing::default() }
    }

    /// About how many messages wait to be received.
    pub async fn queue_depth(&self) -> Result<u64, QueueError> {
        self.depth_of(&self.url).await
    }

    /// The key of KMS that the queue is encrypted with, where it is one that the role must be let use. SQS's own needs nothing.
    pub async fn own_key(&self) -> Result<Option<String>, QueueError> {
        let key = self.attribute(&self.url, Attribute::KmsMasterKeyId).await?;
        Ok(key.filter(|key| !key.is_empty() && !key.ends_with(OF_SQS_ITSELF)))
    }

    /// Waits up to `wait` for at most `most` messages and hides them for `hidden`. A dropped call may have received some: they
    /// come back when their visibility ends.
    pub(super) async fn receive(
        &self,
        most: usize,
        wait: Duration,
        hidden: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        let limits = TimeoutConfig::builder().operation_timeout(wait + POLL_MARGIN).build();
        let call = self
            .client
            .receive_message()
            .queue_url(&*self.url)
            .max_number_of_messages(i32::try_from(most.clamp(1, 10)).unwrap_or(1))
            .wait_time_seconds(seconds(wait))
            .visibility_timeout(seconds(hidden))
            .message_system_attribute_names(System::ApproximateReceiveCount)
            .message_system_attribute_names(System::SentTimestamp)
            .message_attribute_names(ENVIRONMENT)
            .customize()
            .config_override(aws_sdk_sqs::config::Builder::new().timeout_config(limits));
        let answer = aws::quiet(call.send()).await?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(Received::read).collect())
    }

    /// Hides a message for so long from now on. Zero gives it back at once.
    pub(super) async fn hide(&self, handle: &str, hidden: Duration) -> Result<(), QueueError> {
        let call = self.client.change_message_visibility().queue_url(&*self.url);
        aws::quiet(call.receipt_handle(handle).visibility_timeout(seconds(hidden)).send()).await?;
        Ok(())
    }

    /// Deletes at most 10 messages. The answer is in the order of the handles.
    pub(super) async fn delete(&self, handles: &[String]) -> Result<Vec<Deletion>, QueueError> {
        let entry = |(at, handle): (usize, &String)| {
            DeleteMessageBatchRequestEntry::builder().id(at.to_string()).receipt_handle(handle).build()
        };
        let entries: Result<Vec<_>, _> = handles.iter().enumerate().map(entry).collect();
        let entries = entries.map_err(QueueError::unusable)?;
        let call = self.client.delete_message_batch().queue_url(&*self.url).set_entries(Some(entries));
        let answer = aws::quiet(call.send()).await?;
        let mut deletions = vec![Deletion::Failed; handles.len()];
        let successful = answer.successful().iter().map(|entry| (entry.id(), Deletion::Done));
        let failed = answer
            .failed()
            .iter()
            .map(|entry| (entry.id(), if entry.sender_fault() { Deletion::Refused } else { Deletion::Failed }));
        for (id, deletion) in successful.chain(failed) {
            if let Some(slot) = id.parse().ok().and_then(|at: usize| deletions.get_mut(at)) {
                *slot = deletion;
            }
        }
        Ok(deletions)
    }

    /// The URL of a dead-letter queue.
    pub(super) async fn url_of(&self, dead_letters: DeadLetterQueue) -> Result<String, QueueError> {
        let request = self.client.get_queue_url().queue_name(dead_letters.name);
        let request = request.queue_owner_aws_account_id(dead_letters.account);
        Ok(aws::quiet(request.send()).await?.queue_url.unwrap_or_default())
    }

    pub(super) async fn depth_of(&self, url: &str) -> Result<u64, QueueError> {
        let depth = self.attribute(url, Attribute::ApproximateNumberOfMessages).await?;
        Ok(depth.and_then(|depth| depth.parse().ok()).unwrap_or_default())
    }

    pub(super) async fn dead_letter_queue(&self) -> Result<Option<DeadLetterQueue>, QueueError> {
        Ok(self.attribute(&self.url, Attribute::RedrivePolicy).await?.and_then(|policy| DeadLetterQueue::read(&policy)))
    }

    async fn attribute(&self, url: &str, name: Attribute) -> Result<Option<String>, QueueError> {
        let call = self.client.get_queue_attributes().queue_url(url).attribute_names(name.clone());
        let mut answer = aws::quiet(call.send()).await?;
        Ok(answer.attributes.as_mut().and_then(|attributes| attributes.remove(&name)))
    }
}

impl Received {
    /// `None` for a message without an id or a handle: it could be neither known again nor deleted.
    fn read(message: Message) -> Option<Self> {
        let system = |name| message.attributes.as_ref()?.get(&name)?.parse::<u64>().ok();
        let receives = system(System::ApproximateReceiveCount).and_then(|count| u32::try_from(count).ok()).unwrap_or(1);
        let sent = system(System::SentTimestamp).map(Duration::from_millis);
        let sent = sent.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)).unwrap_or_else(SystemTime::now);
        let environment = message.message_attributes.as_ref().and_then(|attributes| attributes.get(ENVIRONMENT));
        // An attribute that is there and no text is not ours either.
        let environment = environment.map(|value| value.string_value().unwrap_or_default().to_owned());
        let body = message.body.unwrap_or_default();
        Some(Self { id: message.message_id?, handle: message.receipt_handle?, receives, sent, environment, body })
    }
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}
