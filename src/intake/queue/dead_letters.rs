//! Where messages end that nobody got done: how often one may be received before, and how many lie there or why nobody can
//! say. Receives nothing and moves nothing.

use serde::Deserialize;
use thiserror::Error;

use super::error::QueueError;
use super::sqs::Queue;
use super::timing::ABSENT_RECEIVES;
use crate::aws::AwsFault;

/// One receive more than it takes until the pool lists somebody late: that one is for a restart.
pub const FEWEST_RECEIVES: u32 = ABSENT_RECEIVES + 1;

/// What the queue does with messages that were received too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redrive {
    /// Nothing: one that always fails comes back until SQS drops it.
    Never,
    /// It moves one to the dead-letter queue that comes up again after so many receives.
    After(u32),
}

impl Redrive {
    /// Whether a message that was received so often is moved, rather than received again.
    pub(super) fn is_last(self, receives: u32) -> bool {
        matches!(self, Self::After(most) if receives >= most)
    }

    /// Whether it moves messages before they had their chance.
    pub fn is_too_soon(self) -> bool {
        matches!(self, Self::After(most) if most < FEWEST_RECEIVES)
    }
}

/// A dead-letter queue, as the queue's redrive policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeadLetterQueue {
    pub(super) name: String,
    pub(super) account: String,
    pub(super) redrive: Redrive,
}

impl DeadLetterQueue {
    /// Of `{"deadLetterTargetArn":"arn:aws:sqs:REGION:ACCOUNT:NAME","maxReceiveCount":5}`. The number may be a text: SQS keeps
    /// it as it was written.
    pub(super) fn read(policy: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct RedrivePolicy {
            #[serde(rename = "deadLetterTargetArn")]
            arn: String,
            #[serde(rename = "maxReceiveCount", default)]
            most: serde_json::Value,
        }
        let RedrivePolicy { arn, most } = serde_json::from_str(policy).ok()?;
        let most = most.as_u64().or_else(|| most.as_str()?.parse().ok());
        // Without a number that can be read no receive is taken for the last one.
        let most = most.and_then(|most| u32::try_from(most).ok()).unwrap_or(u32::MAX);
        let mut parts = arn.rsplit(':').map(str::to_owned);
        let (name, account) = (parts.next()?, parts.next()?);
        Some(Self { name, account, redrive: Redrive::After(most) })
    }
}

/// Why the dead letters cannot be counted, with the mend: which right on which queue.
#[derive(Clone, Debug, Error)]
pub enum DeadLettersUnseen {
    #[error("the role of the service lacks {right} on the {which}")]
    Denied {
        right: &'static str,
        which: String,
        #[source]
        fault: AwsFault,
    },
    #[error(
        "the dead-letter queue \"{0}\" that the RedrivePolicy of the queue names does not exist; create it, or mend the RedrivePolicy"
    )]
    Missing(String),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl DeadLettersUnseen {
    /// Whether waiting cannot help: somebody has to change a role or a queue.
    pub fn is_misconfigured(&self) -> bool {
        match self {
            Self::Denied { .. } | Self::Missing(_) => true,
            Self::Queue(error) => error.is_misconfigured(),
        }
    }

    /// The whole chain in one line.
    pub fn chain(&self) -> String {
        match self {
            Self::Denied { fault, .. } => format!("{self}: {fault}"),
            Self::Missing(_) => self.to_string(),
            Self::Queue(error) => error.chain(),
        }
    }
}

impl Queue {
    /// About how many messages lie in the dead-letter queue; nothing without one.
    pub async fn dead_letter_depth(&self) -> Result<Option<u64>, DeadLettersUnseen> {
        let of_queue = |error| denied(error, "sqs:GetQueueAttributes", || "queue".to_owned());
        let Some(dead_letters) = self.dead_letter_queue().await.map_err(of_queue)? else { return Ok(None) };
        let name = dead_letters.name.clone();
        let of_dead_letters = |right| {
            let name = &name;
            move |error| match error {
                QueueError::NoSuchQueue(_) => DeadLettersUnseen::Missing(name.clone()),
                error => denied(error, right, || format!("dead-letter queue \"{name}\"")),
            }
        };
        let url = self.url_of(dead_letters).await.map_err(of_dead_letters("sqs:GetQueueUrl"))?;
        self.depth_of(&url).await.map(Some).map_err(of_dead_letters("sqs:GetQueueAttributes"))
    }

    /// What the queue does with messages that were received too often.
    pub async fn redrive(&self) -> Result<Redrive, QueueError> {
        Ok(self.dead_letter_queue().await?.map_or(Redrive::Never, |dead_letters| dead_letters.redrive))
    }
}

/// An answer that names its code is about this one right; without any there are no credentials at all.
fn denied(error: QueueError, right: &'static str, which: impl FnOnce() -> String) -> DeadLettersUnseen {
    match error {
        QueueError::Credentials(fault) if fault.is_denial() => {
            DeadLettersUnseen::Denied { right, which: which(), fault }
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redrive_policy_is_read_with_its_number_as_a_number_or_a_text() {
        let read = |most: &str| {
            let policy = format!(
                "{{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:123456789012:dead\",\"maxReceiveCount\":{most}}}"
            );
            DeadLetterQueue::read(&policy).unwrap()
        };
        let (name, account) = ("dead".to_owned(), "123456789012".to_owned());
        assert_eq!(read("5"), DeadLetterQueue { name, account, redrive: Redrive::After(5) });
        assert_eq!(read("\"3\"").redrive, Redrive::After(3));
        assert!(!read("\"many\"").redrive.is_last(1000));
        assert_eq!(DeadLetterQueue::read("{}"), None);
    }

    #[test]
    fn the_last_receive_is_the_one_that_the_policy_counts_to() {
        assert!(Redrive::After(2).is_last(2) && Redrive::After(2).is_last(3) && !Redrive::After(2).is_last(1));
        assert!(!Redrive::Never.is_last(1000));
        let too_soon: Vec<u32> = (1..=6).filter(|most| Redrive::After(*most).is_too_soon()).collect();
        assert_eq!(too_soon, [1, 2, 3, 4]);
        assert!(!Redrive::Never.is_too_soon());
    }
}
