//! What becomes of a message that is not done at the last receive the queue allows: it goes to the dead letters, and not without
//! its line.

use tracing::warn;

use super::dead_letters::Redrive;
use super::seam::{Confirmations, MessageRef};
use super::worker::{Disposition, Worker};

impl<C: Confirmations> Worker<C> {
    /// Says of a message that was given back that it does not come again, where that is so: none becomes a dead letter unheard.
    pub(super) fn tell_if_last(&self, id: &str, receives: u32) {
        if self.is_last(receives) {
            warn!(
                message.id = id,
                receives, "SQS moves the message to the dead-letter queue: this was its last receive"
            );
        }
    }

    pub(super) fn is_last(&self, receives: u32) -> bool {
        self.status.snapshot().redrive.is_some_and(|redrive| redrive.is_last(receives))
    }

    /// A message failed while others succeeded. At its last receive it is refused: nobody works on it again by themselves.
    pub(super) async fn failed_alone(&self, message: &MessageRef, reason: &str) {
        if !self.is_last(message.receive_count) {
            warn!(reason, "the message fails while others succeed; it is tried again later");
            return;
        }
        let why = format!("it failed at its last receive, while others succeeded: {reason}");
        match self.confirmations.refuse(message, &why).await {
            Ok(()) => warn!(reason, "refused the message, which fails while others succeed"),
            Err(trouble) => {
                warn!(reason, trouble, "the message fails while others succeed, and that cannot be recorded")
            }
        }
    }

    /// A refused message is left to the dead-letter queue: a few more receives, each over at once, move it there. It is
    /// deleted only where it is known that there is no such queue.
    pub(super) fn after_refusal(&self, receives: u32) -> Disposition {
        match self.status.snapshot().redrive {
            Some(Redrive::Never) => Disposition::Delete,
            Some(Redrive::After(_)) | None => Disposition::GiveBack(self.timing.refused(receives)),
        }
    }
}
