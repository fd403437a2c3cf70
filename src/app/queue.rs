//! The queue's consumer, built from the configuration. Every replica runs one: SQS hands each message to one of them.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Context;
use crate::complaints::Complaints;
use crate::intake::admin::Readiness;
use crate::intake::queue::{Consumer, DeadLettersUnseen, Expected, Queue, QueueSnapshot, QueueStatus};
use crate::reconcile::{QueueHealth, StatusPublisher, Unseen};
use crate::store::Store;

/// How old what is told of the queue may be.
pub(super) const LOOK: Duration = Duration::from_secs(5);

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

/// Tells whether SQS answers: each replica asks it for itself. Trouble with messages is told of by the replica that reconciles.
pub(super) fn tell(status: &QueueStatus, readiness: &Readiness) {
    readiness.set("queue", status.snapshot().last_error.map_or(Ok(()), Err));
}

/// Tells how the queue fares, where one is configured; the replica that reconciles does it. Ends when it is dropped.
pub(super) async fn watch(context: &Context, status: &QueueStatus, publisher: &StatusPublisher) {
    let Some(configured) = &context.config.queue else { return };
    let region = context.config.cognito.as_ref().map(|cognito| cognito.region.as_str());
    let queue = Queue::connect(&configured.url, configured.endpoint_url.as_deref(), region).await;
    let mut counted = Counted::default();
    let mut asked = None::<Instant>;
    // What an earlier life told of stands until somebody has asked.
    publisher.tell_queue(counted.health(status.snapshot()));
    loop {
        if asked.is_none_or(|at| at.elapsed() >= DEAD_LETTERS) {
            asked = Some(Instant::now());
            counted.take(queue.dead_letter_depth().await);
        }
        publisher.tell_queue(counted.health(status.snapshot()));
        tokio::time::sleep(LOOK).await;
    }
}

/// What is known of the dead letters.
#[derive(Default)]
struct Counted {
    depth: Option<u64>,
    is_counted: bool,
    unseen: Option<Unseen>,
    complaints: Complaints,
}

impl Counted {
    fn take(&mut self, answer: Result<Option<u64>, DeadLettersUnseen>) {
        match answer {
            Ok(depth) => *self = Self { depth, is_counted: true, ..Self::default() },
            // What was known last stands: an alert is not over because nobody answers.
            Err(error) => {
                let (why, is_misconfigured) = (error.chain(), error.is_misconfigured());
                if self.complaints.is_new(&error.to_string()) {
                    warn!("the dead letters of the queue cannot be counted: {why}");
                }
                self.unseen = Some(Unseen { why, is_misconfigured });
            }
        }
    }

    fn health(&self, snapshot: QueueSnapshot) -> QueueHealth {
        let QueueSnapshot { last_poll, last_error, trouble, redrive: _, oldest, in_flight } = snapshot;
        QueueHealth {
            oldest,
            in_flight,
            is_polled: last_poll.is_some() || last_error.is_some(),
            not_received: last_error.clone(),
            trouble: last_error.or(trouble),
            dead_letters: self.depth,
            is_counted: self.is_counted,
            unseen: self.unseen.clone(),
        }
    }
}
