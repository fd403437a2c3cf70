//! The waits of the consumer. Pure.

use std::time::Duration;

use crate::delays::{Delays, Doubling};

/// The longest delay that a message is put off by.
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);

/// A `sub` that is still absent at this receive is refused. Below the usual `maxReceiveCount` of 5, so that the refusal is recorded
/// before SQS takes the message away.
pub(super) const ABSENT_RECEIVES: u32 = 4;

/// The waits of a consumer. The defaults are for SQS itself; tests shorten some.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a receive waits for a message. SQS allows 20 s.
    pub wait: Duration,
    /// The first pause after a failed receive, or after trouble with a message; the next ones double.
    pub first_pause: Duration,
    /// Between receives while SQS fails, and while there is trouble on our side.
    pub longest_poll_pause: Duration,
    /// Between attempts at a message that is kept in flight.
    pub longest_trouble_pause: Duration,
    /// The first delay of a message whose `sub` is not in the pool's listings yet.
    pub absent_delay: Duration,
    /// The first delay of a refused message that is left to the dead-letter queue.
    pub refused_delay: Duration,
    /// The first delay of a message that fails while others succeed.
    pub own_trouble_delay: Duration,
    /// How often to ask whether the queue has a dead-letter queue.
    pub attributes_interval: Duration,
    /// After the stop: how long the last receive may take to end by itself.
    pub last_receive: Duration,
    /// After the stop: how long messages that are worked on may take.
    pub drain: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(20),
            first_pause: Duration::from_secs(1),
            longest_poll_pause: Duration::from_secs(30),
            longest_trouble_pause: Duration::from_secs(10),
            absent_delay: Duration::from_secs(2),
            refused_delay: Duration::from_secs(1),
            own_trouble_delay: Duration::from_secs(30),
            attributes_interval: Duration::from_secs(5 * 60),
            last_receive: Duration::from_secs(1),
            drain: Duration::from_secs(12),
        }
    }
}

impl Timing {
    /// For emulators. On moto a receive that is given up swallows the next message until its visibility ends, so receives
    /// are short, and the last one is waited for.
    pub fn for_emulators() -> Self {
        let wait = Duration::from_secs(2);
        Self { wait, last_receive: wait + Duration::from_secs(1), ..Self::default() }
    }

    /// When to look again for an absent `sub`; nothing when that was often enough.
    pub(super) fn absent(&self, receives: u32) -> Option<Duration> {
        (receives < ABSENT_RECEIVES).then(|| doubled(self.absent_delay, receives))
    }

    /// Soon, so that the dead-letter queue has it soon; and later each time, in case `maxReceiveCount` is large.
    pub(super) fn refused(&self, receives: u32) -> Duration {
        doubled(self.refused_delay, receives)
    }

    /// The pauses between receives while SQS fails, and while there is trouble on our side.
    pub(super) fn poll_pauses(&self) -> Delays {
        Doubling { first: self.first_pause, longest: self.longest_poll_pause }.delays()
    }

    pub(super) fn own_trouble(&self, receives: u32) -> Duration {
        doubled(self.own_trouble_delay, receives)
    }
}

/// The first delay at the first receive, doubled at each one after it.
fn doubled(first: Duration, receives: u32) -> Duration {
    Doubling { first, longest: LONGEST_DELAY }.after(receives.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_with_each_receive_and_stay_within_a_quarter_of_an_hour() {
        let timing = Timing::default();
        let seconds = |delay: Duration| delay.as_secs();
        assert_eq!(
            [1, 2, 3, 4, 5, 6, u32::MAX].map(|n| seconds(timing.own_trouble(n))),
            [30, 60, 120, 240, 480, 900, 900]
        );
        assert_eq!([0, 1, 2, 3].map(|n| seconds(timing.refused(n))), [1, 1, 2, 4]);
    }

    #[test]
    fn an_absent_sub_is_looked_for_again_three_times() {
        let timing = Timing::default();
        let delays: Vec<_> = (1..=5).map(|receives| timing.absent(receives).map(|delay| delay.as_secs())).collect();
        assert_eq!(delays, [Some(2), Some(4), Some(8), None, None]);
    }
}
