//! The queue's consumer, built from the configuration. Every replica runs one: SQS hands each message to one of them.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Context;
use crate::intake::queue::{Consumer, Expected, Queue, QueueSnapshot, QueueStatus};
use crate::reconcile::{QueueHealth, StatusPublisher};
use crate::store::Store;

/// How old what is told of the queue may be.
const LOOK: Duration = Duration::from_secs(5);

/// How often the dead-letter queue is asked for its depth.
const DEAD_LETTERS: Duration = Duration::from_secs(60);

/// Consumes the queue until `stop`, where one is configured.
pub(super) async fn consume(context: &Context, store: &Store, status: QueueStatus, stop: CancellationToken) {
    let Some(configured) = &context.config.queue else { return };
    let cognito = context.config.cognito.as_ref();
    let region = cognito.map(|cognito| cognito.region.as_str());
    let queue = Queue::connect(&configured.url, configured.endpoint_url.as_deref(), region).await;
    let consumer = Consumer {
        timing: queue.timing(),
        queue,
        confirmations: context.accounts(store).await,
        expected: Expected {
            environment: context.config.environment.clone(),
            user_pool_id: cognito.map(|cognito| cognito.user_pool_id.clone()),
            server_name: context.policy.server_name.clone(),
            bot: context.policy.bot.clone(),
        },
        concurrency: configured.concurrency,
        visibility_timeout: configured.visibility_timeout,
        status,
    };
    consumer.run(stop).await;
}

/// Tells how the queue fares, where one is configured; the replica that reconciles does it. Ends when it is dropped.
pub(super) async fn watch(context: &Context, status: &QueueStatus, publisher: &StatusPublisher) {
    let Some(configured) = &context.config.queue else { return };
    let region = context.config.cognito.as_ref().map(|cognito| cognito.region.as_str());
    let queue = Queue::connect(&configured.url, configured.endpoint_url.as_deref(), region).await;
    let (mut dead_letters, mut asked, mut failing) = (None, None::<Instant>, false);
    let mut is_asked = false;
    // What an earlier life told of stands until somebody has asked.
    publisher.tell_queue(health(status.snapshot(), None, false));
    loop {
        if asked.is_none_or(|at| at.elapsed() >= DEAD_LETTERS) {
            asked = Some(Instant::now());
            match queue.dead_letter_depth().await {
                Ok(depth) => (dead_letters, is_asked, failing) = (depth, true, false),
                // What was known last stands: an alert is not over because nobody answers.
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        warn!("the dead-letter queue cannot be asked for its depth: {:#}", anyhow::Error::from(error));
                    }
                }
            }
        }
        publisher.tell_queue(health(status.snapshot(), dead_letters, is_asked));
        tokio::time::sleep(LOOK).await;
    }
}

fn health(snapshot: QueueSnapshot, dead_letters: Option<u64>, is_asked: bool) -> QueueHealth {
    let QueueSnapshot { last_error, trouble, oldest, in_flight, .. } = snapshot;
    let not_received = last_error.clone();
    QueueHealth { oldest, in_flight, trouble: last_error.or(trouble), not_received, dead_letters, is_asked }
}
