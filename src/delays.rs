//! Doubling delays: how long to wait before something that failed is tried again. It neither sleeps nor reads a clock.

use std::time::Duration;

/// A delay that doubles with each failure in a row, up to a longest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubling {
    /// The delay after the first failure.
    pub first: Duration,
    /// No delay is longer.
    pub longest: Duration,
}

/// The delays of one row of failures, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    doubling: Doubling,
    failures: u32,
}

impl Doubling {
    /// The delay where `failures` came before the last one.
    pub fn after(self, failures: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.longest)
    }

    /// The delays from the first one on.
    pub fn delays(self) -> Delays {
        Delays { doubling: self, failures: 0 }
    }
}

impl Delays {
    /// The delay for one more failure.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.doubling.after(self.failures);
        self.failures = self.failures.saturating_add(1);
        delay
    }

    /// The row of failures has ended.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_doubles_up_to_its_longest() {
        let mut delays = Doubling { first: Duration::from_secs(1), longest: Duration::from_secs(5) }.delays();
        assert_eq!([(); 5].map(|()| delays.next_delay().as_secs()), [1, 2, 4, 5, 5]);
        delays.reset();
        assert_eq!(delays.next_delay().as_secs(), 1);
    }

    #[test]
    fn no_number_of_failures_overflows() {
        let doubling = Doubling { first: Duration::from_secs(30), longest: Duration::from_secs(900) };
        assert_eq!([0, 4, 5, u32::MAX].map(|failures| doubling.after(failures).as_secs()), [30, 480, 900, 900]);
    }
}
