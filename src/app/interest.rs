//! Keeping the listener's interest: a room that is followed to its successor is heard at once, by every replica.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Context;
use crate::causes::told;
use crate::intake::appservice::SharedInterest;
use crate::store::Store;

/// A lost notification costs at most this; what was pushed meanwhile is in the room's next reading.
const POLL: Duration = Duration::from_secs(5);

/// Reads for the first time what the database says. Nothing is to be answered 200 before. False where `stop` came first.
pub(super) async fn begin(
    context: &Context,
    store: &Store,
    interest: &SharedInterest,
    stop: &CancellationToken,
) -> bool {
    while !stop.is_cancelled() {
        if read(context, store, interest).await {
            return true;
        }
        super::pause(stop).await;
    }
    false
}

async fn read(context: &Context, store: &Store, interest: &SharedInterest) -> bool {
    let now = context.current_policy(store).await.and_then(|policy| super::interest(context, &policy));
    match now {
        Ok(now) => {
            interest.replace(now);
            true
        }
        // The reconciler says so too, and louder.
        Err(error) => {
            warn!("which rooms are followed cannot be read: {}", told(error.as_ref()));
            false
        }
    }
}

/// Follows what the database says until `stop`. `moved` is notified when somebody follows a room.
pub(super) async fn keep(
    context: Arc<Context>,
    store: Store,
    interest: SharedInterest,
    moved: Arc<Notify>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        read(&context, &store, &interest).await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = moved.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}
