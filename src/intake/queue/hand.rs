//! The messages in hand: received and not yet given back or deleted, each once, with its newest receipt handle.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::sqs::Received;
use super::status::QueueStatus;

/// All messages in hand. Says to the status how many there are and how old. Cheap to clone.
#[derive(Clone)]
pub(super) struct Hand {
    held: Arc<Mutex<HashMap<String, Held>>>,
    status: QueueStatus,
}

struct Held {
    handle: String,
    sent: SystemTime,
}

/// A hold on one message; dropping it lets go of it.
pub(super) struct Grip {
    hand: Hand,
    id: String,
}

impl Hand {
    pub(super) fn new(status: QueueStatus) -> Self {
        Self { held: Arc::default(), status }
    }

    /// Takes a message in hand. One that is there already was received again, because its visibility ended too early: then
    /// only its new handle is noted, since older ones may not be good any more.
    pub(super) fn take(&self, message: &Received) -> Option<Grip> {
        let held = Held { handle: message.handle.clone(), sent: message.sent };
        let before = self.lock().insert(message.id.clone(), held);
        self.report();
        before.is_none().then(|| Grip { hand: self.clone(), id: message.id.clone() })
    }

    /// Says how many there are now, and how old the oldest is.
    pub(super) fn report(&self) {
        let held = self.lock();
        let oldest = held.values().map(|held| held.sent).min();
        // A message from the future (clocks differ) has no age yet.
        let age = oldest.and_then(|sent| sent.elapsed().ok()).unwrap_or_default();
        self.status.in_hand(held.len(), age);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        // Every change under the lock is one call on the map, so a poisoned one is still whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grip {
    /// The newest handle of the message.
    pub(super) fn handle(&self) -> String {
        self.hand.lock().get(&self.id).map(|held| held.handle.clone()).unwrap_or_default()
    }

    /// Which message it is.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Grip {
    fn drop(&mut self) {
        self.hand.lock().remove(&self.id);
        self.hand.report();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn message(id: &str, handle: &str) -> Received {
        let (id, handle) = (id.to_owned(), handle.to_owned());
        Received { id, handle, receives: 1, sent: SystemTime::UNIX_EPOCH, environment: None, body: String::new() }
    }

    #[test]
    fn a_message_received_again_is_in_hand_once_with_its_newest_handle() {
        let status = QueueStatus::default();
        let hand = Hand::new(status.clone());
        let grip = hand.take(&message("a", "old")).unwrap();
        assert!(hand.take(&message("a", "new")).is_none());
        assert_eq!(grip.handle(), "new");
        assert_eq!(status.snapshot().in_hand, 1);
        assert!(status.snapshot().oldest > Duration::ZERO);
        drop(grip);
        assert_eq!((status.snapshot().in_hand, status.snapshot().oldest), (0, Duration::ZERO));
        assert!(hand.take(&message("a", "newer")).is_some());
    }
}
