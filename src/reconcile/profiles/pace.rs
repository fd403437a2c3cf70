//! How fast names and pictures are given. Each writes an event into every room that its owner is in, and everybody in these rooms
//! gets it: a thousand new names in a minute would be seen by all.

use std::time::{Duration, Instant};

/// So many in one slice, and then so long none.
pub(crate) const AT_ONCE: usize = 8;
const PAUSE: Duration = Duration::from_secs(4);

/// When the next may be given.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    next: Option<Instant>,
    /// Whether any are left for later.
    pub(crate) is_waiting: bool,
    /// Whether the pause alone kept those of the last slice back.
    pub(crate) kept_back: bool,
}

impl Pace {
    /// Whether any may be given now.
    pub(crate) fn may(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| next <= now)
    }

    /// Some are given now, or nobody can say what they are.
    pub(crate) fn began(&mut self, now: Instant) {
        self.next = Some(now + PAUSE);
    }

    /// When those that were left for later may be given.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| self.is_waiting && *next > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_waits_for_the_pause_and_nothing_wakes_for_nothing() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert!(pace.may(now));
        assert_eq!(pace.next(now), None);
        pace.began(now);
        assert!(!pace.may(now) && pace.may(now + PAUSE));
        assert_eq!(pace.next(now), None, "nothing is left");
        pace.is_waiting = true;
        assert_eq!(pace.next(now), Some(now + PAUSE));
        assert_eq!(pace.next(now + PAUSE), None, "what is left after that waits for something else");
    }
}
