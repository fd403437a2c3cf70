//! One in-flight message: reads it, has it confirmed or refused, decides its disposition, and keeps it hidden meanwhile.
//! Receives nothing by itself.

use std::convert::Infallible;
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, debug, field, info_span, warn};

use super::envelope::{self, Expected, ReadResult};
use super::health::Health;
use super::in_flight::{InFlight, InFlightGuard};
use super::seam::{ConfirmOutcome, Confirmations, MessageRef};
use super::sqs::{Queue, Received};
use super::status::{QueueStatus, count};
use super::timing::Timing;
use crate::delays::Doubling;

/// How long giving a message back may take. It comes back by itself as well, only later.
pub(super) const GIVE_BACK: Duration = Duration::from_secs(3);

/// How often a message may fail while others succeed before it is given back.
const STRIKES: u32 = 2;

/// What every task that works on a message needs.
pub(super) struct Worker<C> {
    pub(super) queue: Queue,
    pub(super) confirmations: C,
    pub(super) expected: Expected,
    pub(super) timing: Timing,
    /// The visibility timeout.
    pub(super) hidden: Duration,
    pub(super) in_flight: InFlight,
    pub(super) health: Health,
    pub(super) status: QueueStatus,
    /// Ids of messages whose refusal is durable and that are left to the dead-letter queue.
    pub(super) refused: Cache<String, ()>,
    /// Messages to delete.
    pub(super) done: mpsc::Sender<InFlightGuard>,
    /// Soft stop: nothing new is begun.
    pub(super) stop: CancellationToken,
    /// The last receive is over: a message that waits for its next attempt is given back. Before, that receive would get it
    /// again.
    pub(super) closed: CancellationToken,
    /// Hard stop: messages that are being worked on are given back, too.
    pub(super) cut: CancellationToken,
}

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Disposition {
    Delete,
    /// SQS shows it again after this delay.
    GiveBack(Duration),
}

impl<C: Confirmations> Worker<C> {
    /// Works on a message to its end.
    pub(super) async fn work(&self, message: Received, guard: InFlightGuard) {
        let span = info_span!(
            "queue.message",
            message.id = message.id,
            message.receives = message.receives,
            user.subject = field::Empty
        );
        async {
            let disposition = tokio::select! {
                disposition = self.settle(message, &guard) => disposition,
                never = self.keep_hidden(&guard) => match never {},
                () = self.cut.cancelled() => Disposition::GiveBack(Duration::ZERO),
            };
            match disposition {
                Disposition::Delete => {
                    // The deleting task outlives the workers.
                    let _ = self.done.send(guard).await;
                }
                Disposition::GiveBack(delay) => {
                    self.give_back(&guard.handle(), delay).await;
                    self.tell_if_last(guard.id(), guard.receives());
                }
            }
        }
        .instrument(span)
        .await;
    }

    /// Shows a message again after `delay`.
    pub(super) async fn give_back(&self, handle: &str, delay: Duration) {
        match timeout(GIVE_BACK, self.queue.hide(handle, delay)).await {
            Ok(Ok(())) => debug!(seconds = delay.as_secs(), "gave the message back"),
            Ok(Err(error)) => debug!(reason = error.chain(), "the message comes back when its visibility ends"),
            Err(_) => debug!("the message comes back when its visibility ends"),
        }
    }

    /// Extends the visibility at half time, always by the newest handle.
    async fn keep_hidden(&self, guard: &InFlightGuard) -> Infallible {
        loop {
            sleep(self.hidden / 2).await;
            if let Err(error) = self.queue.hide(&guard.handle(), self.hidden).await {
                debug!(message.id = guard.id(), reason = error.chain(), "the message may be received again meanwhile");
            }
            self.in_flight.report();
        }
    }

    /// Works on a message until its disposition is known. In trouble the message stays in flight and is tried again: another
    /// receive would count towards the dead-letter queue. Only a message that fails while others succeed is given back.
    async fn settle(&self, message: Received, guard: &InFlightGuard) -> Disposition {
        if self.refused.contains_key(&message.id) {
            return self.after_refusal(message.receives);
        }
        let reading = envelope::read(message.body.as_bytes(), message.environment.as_deref(), &self.expected);
        // From here on the body is gone.
        let mut message = MessageRef { message_id: message.id, receive_count: message.receives };
        if let Ok(confirmation) = &reading {
            Span::current().record("user.subject", &confirmation.subject);
        }
        let Timing { first_pause: first, longest_trouble_pause: longest, .. } = self.timing;
        let mut pauses = Doubling { first, longest }.delays();
        let (mut strikes, mut successes) = (0, None);
        loop {
            message.receive_count = guard.receives();
            let reason = match self.attempt(&reading, &message).await {
                Ok(disposition) => {
                    match (&reading, successes) {
                        (Ok(_), _) => self.health.went_well(),
                        // Nobody was asked about it: that ends no trouble but the one that it met itself.
                        (Err(_), Some(_)) => self.health.trouble_is_over(),
                        (Err(_), None) => {}
                    }
                    return disposition;
                }
                Err(reason) => reason,
            };
            if successes.is_none() {
                count(&ConfirmOutcome::Trouble(reason.clone()));
            }
            if self.health.successes() > *successes.get_or_insert(self.health.successes()) {
                strikes += 1;
            } else {
                self.health.went_badly(&reason);
            }
            if strikes == STRIKES {
                self.failed_alone(&message, &reason).await;
                return Disposition::GiveBack(self.timing.own_trouble(message.receive_count));
            }
            tokio::select! {
                () = self.closed.cancelled() => return Disposition::GiveBack(Duration::ZERO),
                () = sleep(pauses.next_delay()) => {}
            }
        }
    }

    /// One attempt; the error describes the trouble.
    async fn attempt(&self, read: &ReadResult, message: &MessageRef) -> Result<Disposition, String> {
        let outcome = match read {
            Ok(confirmation) => self.confirmations.confirm(confirmation, message).await,
            Err(refusal) => ConfirmOutcome::Refused(refusal.to_string()),
        };
        let again = self.timing.absent(message.receive_count).filter(|_| !self.is_last(message.receive_count));
        let outcome = match (outcome, again) {
            (ConfirmOutcome::Absent, None) => ConfirmOutcome::Refused("the pool does not know its sub".to_owned()),
            (outcome, _) => outcome,
        };
        let disposition = match &outcome {
            ConfirmOutcome::Recorded => {
                debug!("recorded the confirmation");
                Disposition::Delete
            }
            ConfirmOutcome::Absent => {
                let delay = again.unwrap_or_default();
                debug!(seconds = delay.as_secs(), "the pool does not know the user yet");
                Disposition::GiveBack(delay)
            }
            ConfirmOutcome::Refused(reason) => {
                self.confirmations.refuse(message, reason).await?;
                warn!(reason, "refused the message");
                self.refused.insert(message.message_id.clone(), ()).await;
                self.after_refusal(message.receive_count)
            }
            ConfirmOutcome::Trouble(reason) => return Err(reason.clone()),
        };
        count(&outcome);
        Ok(disposition)
    }
}
