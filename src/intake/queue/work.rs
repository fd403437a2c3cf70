//! One message: what it says, what becomes of it, and keeping it hidden meanwhile.

use std::convert::Infallible;
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, debug, field, info_span, warn};

use super::envelope::{self, Ours, Reading};
use super::hand::{Grip, Hand};
use super::health::Health;
use super::seam::{Answer, Confirmations, MessageRef};
use super::sqs::{Queue, Received};
use super::status::{Outcome, QueueStatus};
use super::timing::{Pause, Timing};

/// How long giving a message back may take. It comes back by itself as well, only later.
pub(super) const GIVE_BACK: Duration = Duration::from_secs(3);

/// How often a message may fail after others have succeeded.
const STRIKES: u32 = 2;

/// What those need who work on messages.
pub(super) struct Bench<C> {
    pub(super) queue: Queue,
    pub(super) confirmations: C,
    pub(super) ours: Ours,
    pub(super) timing: Timing,
    /// The visibility timeout.
    pub(super) hidden: Duration,
    pub(super) hand: Hand,
    pub(super) health: Health,
    pub(super) status: QueueStatus,
    /// Ids of messages whose refusal is durable and that are left to the dead-letter queue.
    pub(super) refused: Cache<String, ()>,
    /// Messages to delete.
    pub(super) done: mpsc::Sender<Grip>,
    /// Asks to begin nothing new.
    pub(super) stop: CancellationToken,
    /// The last receive is over. Who only waits now gives the message back; before, that receive would get it again.
    pub(super) closed: CancellationToken,
    /// Asks to give back also what is being worked on.
    pub(super) cut: CancellationToken,
}

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Delete,
    /// It is shown again after so long.
    GiveBack(Duration),
}

impl<C: Confirmations> Bench<C> {
    /// Works on a message to its end.
    pub(super) async fn work(&self, message: Received, grip: Grip) {
        let span = info_span!(
            "queue.message",
            message.id = message.id,
            message.receives = message.receives,
            user.subject = field::Empty
        );
        async {
            let fate = tokio::select! {
                fate = self.settle(message) => fate,
                never = self.keep_hidden(&grip) => match never {},
                () = self.cut.cancelled() => Fate::GiveBack(Duration::ZERO),
            };
            match fate {
                Fate::Delete => {
                    // Whoever deletes outlives those who work.
                    let _ = self.done.send(grip).await;
                }
                Fate::GiveBack(delay) => self.give_back(&grip.handle(), delay).await,
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
    async fn keep_hidden(&self, grip: &Grip) -> Infallible {
        loop {
            sleep(self.hidden / 2).await;
            if let Err(error) = self.queue.hide(&grip.handle(), self.hidden).await {
                debug!(message.id = grip.id(), reason = error.chain(), "the message may be received again meanwhile");
            }
            self.hand.report();
        }
    }

    /// Brings a message to its fate. In trouble it is kept in hand and tried again, so that it is not received, and counted
    /// towards the dead-letter queue, for nothing. Only one that fails while others succeed is given back.
    async fn settle(&self, message: Received) -> Fate {
        if self.refused.contains_key(&message.id) {
            return self.after_refusal(message.receives);
        }
        let reading = envelope::read(message.body.as_bytes(), message.environment.as_deref(), &self.ours);
        // From here on the body is gone.
        let message = MessageRef { message_id: message.id, receive_count: message.receives };
        if let Ok(confirmation) = &reading {
            Span::current().record("user.subject", &confirmation.subject);
        }
        let mut pause = Pause::new(self.timing.first_pause, self.timing.longest_trouble_pause);
        let (mut strikes, mut successes) = (0, None);
        loop {
            let reason = match self.attempt(&reading, &message).await {
                Ok(fate) => {
                    self.health.went_well();
                    return fate;
                }
                Err(reason) => reason,
            };
            if successes.is_none() {
                Outcome::Trouble.count();
            }
            if self.health.successes() > *successes.get_or_insert(self.health.successes()) {
                strikes += 1;
            } else {
                self.health.went_badly(&reason);
            }
            if strikes == STRIKES {
                warn!(reason, "the message fails while others succeed; it is tried again later");
                return Fate::GiveBack(self.timing.own_trouble(message.receive_count));
            }
            tokio::select! {
                () = self.closed.cancelled() => return Fate::GiveBack(Duration::ZERO),
                () = sleep(pause.next()) => {}
            }
        }
    }

    /// One attempt; the error describes the trouble.
    async fn attempt(&self, reading: &Reading, message: &MessageRef) -> Result<Fate, String> {
        let confirmation = match reading {
            Ok(confirmation) => confirmation,
            Err(refusal) => return self.refuse(message, &refusal.to_string()).await,
        };
        match self.confirmations.confirm(confirmation, message).await {
            Answer::Recorded => {
                debug!("recorded the confirmation");
                Outcome::Recorded.count();
                Ok(Fate::Delete)
            }
            Answer::Refused(reason) => self.refuse(message, &reason).await,
            Answer::Absent => match self.timing.absent(message.receive_count) {
                Some(delay) => {
                    debug!(seconds = delay.as_secs(), "the pool does not know the user yet");
                    Outcome::Absent.count();
                    Ok(Fate::GiveBack(delay))
                }
                None => self.refuse(message, "the pool does not know its sub").await,
            },
            Answer::Trouble(reason) => Err(reason),
        }
    }

    async fn refuse(&self, message: &MessageRef, reason: &str) -> Result<Fate, String> {
        self.confirmations.refuse(message, reason).await?;
        warn!(reason, "refused the message");
        Outcome::Refused.count();
        self.refused.insert(message.message_id.clone(), ()).await;
        Ok(self.after_refusal(message.receive_count))
    }

    /// A dead-letter queue gets the message, by way of a few more receives that cost nothing. While nobody knows whether
    /// there is one, nothing is deleted.
    fn after_refusal(&self, receives: u32) -> Fate {
        match self.status.snapshot().has_dead_letter_queue {
            Some(false) => Fate::Delete,
            Some(true) | None => Fate::GiveBack(self.timing.refused(receives)),
        }
    }
}
