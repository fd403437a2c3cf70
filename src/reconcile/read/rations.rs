//! Rations: how often the events of a room may cause something that costs more than a question. What has been quiet is done
//! at once; what goes on is done less and less often.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use provisioner_policy::RoomIx;

use crate::delays::{Delays, Doubling};

const DELAYS: Doubling = Doubling { first: Duration::from_secs(5), longest: Duration::from_secs(60) };

/// After so long without, a room begins anew.
const QUIET: Duration = Duration::from_secs(10 * 60);

#[derive(Debug)]
struct Ration {
    delays: Delays,
    last: Instant,
    next: Instant,
}

/// The rations of all rooms.
#[derive(Debug, Default)]
pub(crate) struct Rations(HashMap<RoomIx, Ration>);

impl Rations {
    /// Takes one, and answers when it may be used.
    pub(crate) fn take(&mut self, room: RoomIx, now: Instant) -> Instant {
        let ration = self.0.entry(room).or_insert_with(|| Ration { delays: DELAYS.delays(), last: now, next: now });
        if now.saturating_duration_since(ration.last) > QUIET {
            ration.delays.reset();
        }
        let at = ration.next.max(now);
        (ration.last, ration.next) = (at, at + ration.delays.next_delay());
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::pushes::tests::world;

    #[test]
    fn what_goes_on_is_done_less_and_less_often_and_what_was_quiet_at_once() {
        let ((_, room), start) = (world(), Instant::now());
        let mut rations = Rations::default();
        let mut now = start;
        let mut waits = Vec::new();
        for _ in 0..7 {
            let at = rations.take(room, now);
            waits.push((at - now).as_secs());
            now = at;
        }
        assert_eq!(waits, [0, 5, 10, 20, 40, 60, 60]);
        let later = now + QUIET * 2;
        assert_eq!(rations.take(room, later), later);
        assert_eq!(rations.take(room, later), later + DELAYS.first);
    }
}
