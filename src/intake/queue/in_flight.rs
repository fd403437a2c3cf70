//! The in-flight messages: received and neither given back nor deleted yet, each once, with its newest receipt handle.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

use super::sqs::Received;
use super::status::QueueStatus;

/// All in-flight messages of this process. Tells the status how many there are and how old. Cheap to clone.
#[derive(Clone)]
pub(super) struct InFlight {
    held: Arc<Mutex<HashMap<String, InFlightMessage>>>,
    status: QueueStatus,
}

struct InFlightMessage {
    handle: String,
    receives: u32,
    sent: SystemTime,
}

/// Keeps one message in flight until it is dropped.
pub(super) struct InFlightGuard {
    in_flight: InFlight,
    id: String,
}

impl InFlight {
    pub(super) fn new(status: QueueStatus) -> Self {
        Self { held: Arc::default(), status }
    }

    /// Puts a message in flight. `None` where it is there already: SQS handed it out again because its visibility ended too
    /// early. Then only the new handle and its receive are noted: older handles may have expired, and each receive counts.
    pub(super) fn take(&self, message: &Received) -> Option<InFlightGuard> {
        let held = InFlightMessage { handle: message.handle.clone(), receives: message.receives, sent: message.sent };
        let before = self.held.lock().insert(message.id.clone(), held);
        self.report();
        before.is_none().then(|| InFlightGuard { in_flight: self.clone(), id: message.id.clone() })
    }

    /// Tells the status how many there are, and how old the oldest is.
    pub(super) fn report(&self) {
        let held = self.held.lock();
        let oldest = held.values().map(|held| held.sent).min();
        // A message from the future (clocks differ) has no age yet.
        let age = oldest.and_then(|sent| sent.elapsed().ok()).unwrap_or_default();
        self.status.in_flight(held.len(), age);
    }
}

impl InFlightGuard {
    /// The newest handle of the message.
    pub(super) fn handle(&self) -> String {
        self.in_flight.held.lock().get(&self.id).map(|held| held.handle.clone()).unwrap_or_default()
    }

    /// How often SQS has handed it out by now.
    pub(super) fn receives(&self) -> u32 {
        self.in_flight.held.lock().get(&self.id).map_or(1, |held| held.receives)
    }

    /// Which message it is.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.in_flight.held.lock().remove(&self.id);
        self.in_flight.report();
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
        let in_flight = InFlight::new(status.clone());
        let guard = in_flight.take(&message("a", "old")).unwrap();
        assert!(in_flight.take(&Received { receives: 2, ..message("a", "new") }).is_none());
        assert_eq!((guard.handle().as_str(), guard.receives()), ("new", 2));
        assert_eq!(status.snapshot().in_flight, 1);
        assert!(status.snapshot().oldest > Duration::ZERO);
        drop(guard);
        assert_eq!((status.snapshot().in_flight, status.snapshot().oldest), (0, Duration::ZERO));
        assert!(in_flight.take(&message("a", "newer")).is_some());
    }
}
