//! Unanswered writes: state events that were sent, and of which no answer came. Synapse may take one minutes later. Its push names
//! what it replaced, as that of any other write does, and what others lost by it is told.

use std::time::{Duration, Instant};

use provisioner_policy::{RoomIx, StateEntry};

use crate::reconcile::act::attempt::Written;

/// What Synapse has not taken by then it never does.
const LIFETIME: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(crate) struct UnansweredWrites {
    sent: Vec<(Written, Instant)>,
}

impl UnansweredWrites {
    pub(crate) fn sent(&mut self, written: Written, now: Instant) {
        self.sent.retain(|(_, until)| *until > now);
        self.sent.push((written, now + LIFETIME));
    }

    /// The write that an event of the bot's is, now with its id.
    pub(crate) fn take(&mut self, room: RoomIx, event_type: &str, event: &StateEntry) -> Option<Written> {
        let is_it = |of: &Written| of.room == room && of.event_type == event_type && of.content == event.content;
        let place = self.sent.iter().position(|(written, _)| is_it(written))?;
        let (written, _) = self.sent.remove(place);
        Some(Written { event_id: event.event_id.clone(), ..written })
    }
}
