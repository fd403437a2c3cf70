//! When what could not be read is tried again: Synapse as a whole, and each room by itself.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use provisioner_policy::RoomIx;

use crate::delays::{Delays, Doubling};

const DELAYS: Doubling = Doubling { first: Duration::from_secs(1), longest: Duration::from_secs(30) };

/// What could not be read, each with its own growing delay. `None` is Synapse itself.
#[derive(Debug, Default)]
pub(crate) struct Retries(HashMap<Option<RoomIx>, (Delays, Instant)>);

impl Retries {
    /// It could not be read once more.
    pub(crate) fn failed(&mut self, what: Option<RoomIx>, now: Instant) {
        let (delays, until) = self.0.entry(what).or_insert_with(|| (DELAYS.delays(), now));
        *until = now + delays.next_delay();
    }

    /// The room is not to be read before `until`.
    pub(crate) fn put_off(&mut self, room: RoomIx, until: Instant) {
        let (_, its) = self.0.entry(Some(room)).or_insert_with(|| (DELAYS.delays(), until));
        *its = until.max(*its);
    }

    /// It was read.
    pub(crate) fn ended(&mut self, what: Option<RoomIx>) {
        self.0.remove(&what);
    }

    /// Whether it may be tried now.
    pub(crate) fn is_due(&self, what: Option<RoomIx>, now: Instant) -> bool {
        self.0.get(&what).is_none_or(|(_, until)| *until <= now)
    }

    /// Lets everything be tried now.
    pub(crate) fn all_due(&mut self, now: Instant) {
        self.0.values_mut().for_each(|(_, until)| *until = now);
    }

    /// When the first of those that `counts` is due.
    pub(crate) fn next(&self, counts: impl Fn(Option<RoomIx>) -> bool) -> Option<Instant> {
        self.0.iter().filter(|(what, _)| counts(**what)).map(|(_, (_, until))| *until).min()
    }
}
