//! Deletes finished messages, in batches. A message that cannot be deleted comes again and changes nothing.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::in_flight::InFlightGuard;
use super::sqs::{Deletion, Queue};

/// As many as SQS deletes in one request.
const BATCH: usize = 10;

/// How long the first of a batch waits for others.
const LINGER: Duration = Duration::from_millis(50);

/// How often a deletion is tried, and the first pause in between. What then remains is left for redelivery.
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Deletes all that comes until the channel is closed and empty.
pub(super) async fn run(queue: Queue, mut done: mpsc::Receiver<InFlightGuard>) {
    while let Some(first) = done.recv().await {
        let mut batch = vec![first];
        let gather = async {
            while batch.len() < BATCH
                && let Some(next) = done.recv().await
            {
                batch.push(next);
            }
        };
        // When the time is over the batch goes as it is.
        let _ = timeout(LINGER, gather).await;
        delete(&queue, batch).await;
    }
}

async fn delete(queue: &Queue, mut batch: Vec<InFlightGuard>) {
    let mut reason = "SQS does not say why".to_owned();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
        }
        // Looked up at each attempt: a message may have come again meanwhile, and then only its new handle is good.
        let handles: Vec<String> = batch.iter().map(InFlightGuard::handle).collect();
        let deletions = match queue.delete(&handles).await {
            Ok(deletions) => deletions,
            Err(error) => {
                reason = error.chain();
                continue;
            }
        };
        let mut left = Vec::new();
        for ((guard, handle), deletion) in batch.into_iter().zip(handles).zip(deletions) {
            match deletion {
                Deletion::Done => debug!(message.id = guard.id(), "deleted the message"),
                Deletion::Refused if guard.handle() == handle => {
                    debug!(message.id = guard.id(), "the message is not ours to delete any more; it comes again");
                }
                Deletion::Refused | Deletion::Failed => left.push(guard),
            }
        }
        batch = left;
        if batch.is_empty() {
            return;
        }
    }
    warn!(messages = batch.len(), reason, "messages that are done with could not be deleted; they come again");
}
