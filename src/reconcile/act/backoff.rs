//! Growing delay, per (kind, room, user), for what failed: one stuck person costs little and delays nobody.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use provisioner_policy::{Change, ChangeKey, Plan, World};

use crate::delays::Doubling;

/// What is mended by hand is noticed within the longest delay.
const DELAYS: Doubling = Doubling { first: Duration::from_secs(2), longest: Duration::from_secs(600) };

#[derive(Clone, Copy, Debug)]
struct FailedTries {
    times: u32,
    until: Instant,
}

/// What failed, how often, and when it may be tried again.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: HashMap<ChangeKey, FailedTries>,
}

impl Backoff {
    /// Whether the change may be tried now.
    pub(crate) fn is_due(&self, change: &Change, now: Instant) -> bool {
        self.failures.get(&change.key()).is_none_or(|failure| failure.until <= now)
    }

    /// Records a failure. `at_least` is what the homeserver asked for.
    pub(crate) fn failed(&mut self, change: &Change, now: Instant, at_least: Option<Duration>) {
        let failure = self.failures.entry(change.key()).or_insert(FailedTries { times: 0, until: now });
        let delay = DELAYS.after(failure.times).max(at_least.unwrap_or_default());
        failure.times += 1;
        failure.until = now + delay;
    }

    /// Lets everything be tried now, because somebody asked. What fails again waits longer still.
    pub(crate) fn all_due(&mut self, now: Instant) {
        self.failures.values_mut().for_each(|failure| failure.until = now);
    }

    /// Forgets the failures of a change that succeeded.
    pub(crate) fn succeeded(&mut self, change: &Change) {
        self.failures.remove(&change.key());
    }

    /// Forgets what is no longer planned, so that it starts afresh when it is planned again. What cannot be planned for the
    /// moment, because its room or the accounts are unread, is remembered.
    pub(crate) fn keep_only(&mut self, plan: &Plan, world: &World) {
        self.failures.retain(|key, _| {
            let idle = key.room.map_or(!world.mirror.accounts_listed, |room| plan.idle_rooms.contains(&room));
            idle || plan.has(world, key)
        });
    }

    /// When the next one may be tried again, of those that may not now.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        self.failures.values().map(|failure| failure.until).filter(|until| *until > now).min()
    }
}

#[cfg(test)]
mod tests {
    use provisioner_policy::Policy;

    use super::*;

    #[test]
    fn the_delay_grows_and_ends_with_success() {
        let mut world = World::new(Policy { server_name: "a".into(), bot: "@b:a".into(), ..Policy::default() });
        let change = Change::CreateAccount { user: world.intern("@c:a") };
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert!(backoff.is_due(&change, now));
        backoff.failed(&change, now, None);
        assert!(!backoff.is_due(&change, now + DELAYS.first / 2) && backoff.is_due(&change, now + DELAYS.first));
        backoff.failed(&change, now, None);
        assert_eq!(backoff.next(now), Some(now + DELAYS.first * 2));
        backoff.all_due(now);
        assert!(backoff.is_due(&change, now));
        for _ in 0..40 {
            backoff.failed(&change, now, None);
        }
        assert_eq!(backoff.next(now), Some(now + DELAYS.longest));
        backoff.succeeded(&change);
        assert!(backoff.is_due(&change, now));
    }
}
