//! The messages in hand: received and not yet given back or deleted, each once, with its newest receipt handle.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::sqs::Received;

/// All messages in hand. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Hand(Arc<Mutex<HashMap<String, Held>>>);

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
    /// Takes a message in hand. One that is there already was received again, because its visibility ended too early: then
    /// only its new handle is noted, since older ones may not be good any more.
    pub(super) fn take(&self, message: &Received) -> Option<Grip> {
        let held = Held { handle: message.handle.clone(), sent: message.sent };
        let before = self.lock().insert(message.id.clone(), held);
        before.is_none().then(|| Grip { hand: self.clone(), id: message.id.clone() })
    }

    /// How many there are, and the age of the oldest.
    pub(super) fn count_and_age(&self) -> (usize, Duration) {
        let held = self.lock();
        let oldest = held.values().map(|held| held.sent).min();
        // A message from the future (clocks differ) has no age yet.
        (held.len(), oldest.and_then(|sent| sent.elapsed().ok()).unwrap_or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        // Every change under the lock is one call on the map, so a poisoned one is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, handle: &str) -> Received {
        let (id, handle) = (id.to_owned(), handle.to_owned());
        Received { id, handle, receives: 1, sent: SystemTime::UNIX_EPOCH, environment: None, body: String::new() }
    }

    #[test]
    fn a_message_received_again_is_in_hand_once_with_its_newest_handle() {
        let hand = Hand::default();
        let grip = hand.take(&message("a", "old")).unwrap();
        assert!(hand.take(&message("a", "new")).is_none());
        assert_eq!(grip.handle(), "new");
        assert_eq!(hand.count_and_age().0, 1);
        drop(grip);
        assert_eq!(hand.count_and_age(), (0, Duration::ZERO));
        assert!(hand.take(&message("a", "newer")).is_some());
    }
}
