//! Publishing events for others beside the passes, built from the configuration. The replica that reconciles does it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::events::{EventsStatus, Publisher, Topic};
use crate::reconcile::{EventsHealth, StatusPublisher};
use crate::store::{Leadership, Store};

/// How old what is told of it may be.
const LOOK: Duration = Duration::from_secs(5);

/// Publishes until `stop`, where a topic is configured.
pub(super) async fn publish(
    context: &Context,
    store: &Store,
    leadership: &Leadership,
    status: &StatusPublisher,
    stop: &CancellationToken,
) {
    let Some(configured) = &context.config.events else { return };
    let (told, grown) = (EventsStatus::default(), Arc::new(Notify::new()));
    let publisher = Publisher {
        store: store.clone(),
        topic: Topic::connect(&configured.topic_arn, configured.endpoint_url.as_deref()).await,
        source: format!("/phenom/provisioner/{}", context.config.environment),
        status: told.clone(),
        lease: leadership.lease().clone(),
        grown: Arc::clone(&grown),
    };
    let watching = async {
        let mut passes = status.subscribe();
        loop {
            let (is_known, trouble) = told.get();
            let is_misconfigured = trouble.as_ref().is_some_and(|trouble| trouble.is_misconfigured);
            status.tell_events(EventsHealth {
                is_known,
                trouble: trouble.map(|trouble| trouble.why),
                is_misconfigured,
            });
            // A pass that goes on or ends has written to the ledger, perhaps.
            tokio::select! {
                _ = passes.changed() => grown.notify_one(),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    };
    tokio::select! {
        () = publisher.run(stop.clone()) => {}
        () = watching => {}
    }
}
