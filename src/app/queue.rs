//! The queue's consumer, built from the configuration. Every replica runs one: SQS hands each message to one of them.

use tokio_util::sync::CancellationToken;

use super::Settings;
use crate::intake::queue::{Consumer, Ours, Queue, QueueStatus};
use crate::store::Store;

/// Consumes the queue until `stop`, where one is configured.
pub(super) async fn consume(settings: &Settings, store: &Store, stop: CancellationToken) {
    let Some(configured) = &settings.config.queue else { return };
    let cognito = settings.config.cognito.as_ref();
    let region = cognito.map(|cognito| cognito.region.as_str());
    let queue = Queue::connect(&configured.url, configured.endpoint_url.as_deref(), region).await;
    let consumer = Consumer {
        timing: queue.timing(),
        queue,
        confirmations: settings.accounts(store).await,
        ours: Ours {
            environment: settings.config.environment.clone(),
            user_pool_id: cognito.map(|cognito| cognito.user_pool_id.clone()),
            server_name: settings.policy.server_name.clone(),
            bot: settings.policy.bot.clone(),
        },
        concurrency: configured.concurrency,
        visibility_timeout: configured.visibility_timeout,
        status: QueueStatus::default(),
    };
    consumer.run(stop).await;
}
