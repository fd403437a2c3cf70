//! The health of message processing: tells trouble on our side, which all messages share, from that of a single message.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{info, warn};

use super::status::QueueStatus;
use crate::complaints::Complaints;

/// Shared by everybody who works on messages.
pub(super) struct Health {
    successes: AtomicU64,
    troubled: watch::Sender<bool>,
    complaints: Mutex<Complaints>,
    status: QueueStatus,
}

impl Health {
    pub(super) fn new(status: QueueStatus) -> Self {
        let (troubled, _) = watch::channel(false);
        Self { successes: AtomicU64::new(0), troubled, complaints: Mutex::default(), status }
    }

    /// How many messages that somebody was asked about went without trouble so far.
    pub(super) fn successes(&self) -> u64 {
        self.successes.load(Ordering::Relaxed)
    }

    /// What a message says was confirmed or refused by those who know: whoever fails now fails alone.
    pub(super) fn went_well(&self) {
        self.successes.fetch_add(1, Ordering::Relaxed);
        self.trouble_is_over();
    }

    pub(super) fn trouble_is_over(&self) {
        if self.complaints.lock().clear() {
            info!("messages are taken again");
        }
        if self.troubled.send_replace(false) {
            self.status.update(|status| status.trouble = None);
        }
    }

    /// A message met trouble that all messages may share.
    pub(super) fn went_badly(&self, reason: &str) {
        if self.complaints.lock().is_new(reason) {
            warn!(reason, "messages are kept until the trouble is over");
        }
        self.troubled.send_replace(true);
        self.status.update(|status| status.trouble = Some(reason.to_owned()));
    }

    pub(super) fn is_troubled(&self) -> bool {
        *self.troubled.borrow()
    }

    /// Waits until a message goes well again.
    pub(super) async fn until_well(&self) {
        // The sender is in `self`, so the channel cannot be closed.
        let _ = self.troubled.subscribe().wait_for(|troubled| !troubled).await;
    }
}
