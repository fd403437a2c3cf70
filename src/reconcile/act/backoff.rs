//! Growing delay, per (kind, room, user), for what failed: one stuck person costs little and delays nobody. Of an event of
//! levels each person's is delayed by itself, so that who comes or goes tries nobody else's again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use provisioner_policy::{Change, ChangeKey, Plan, World};

use crate::delays::Doubling;

/// What is mended by hand is noticed within the longest delay.
const DELAYS: Doubling = Doubling { first: Duration::from_secs(2), longest: Duration::from_secs(600) };

/// What the homeserver asks for, or a proxy before it, is believed up to here: nobody waits for a day because a page says so.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

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
        self.failures.is_empty() || change.counted().all(|key| self.may(&key, now))
    }

    /// Whether what failed may be tried again now.
    pub(crate) fn may(&self, key: &ChangeKey, now: Instant) -> bool {
        self.failures.get(key).is_none_or(|failure| failure.until <= now)
    }

    /// Records a failure. `asked` is the patience that the homeserver asked for.
    pub(crate) fn failed(&mut self, change: &Change, now: Instant, asked: Option<Duration>) {
        for key in change.counted() {
            let failure = self.failures.entry(key).or_insert(FailedTries { times: 0, until: now });
            let delay = DELAYS.after(failure.times).max(asked.unwrap_or_default().min(LONGEST_ASKED));
            failure.times = failure.times.saturating_add(1);
            failure.until = now + delay;
        }
    }

    /// Lets everything be tried now, because somebody asked. What fails again waits longer still.
    pub(crate) fn all_due(&mut self, now: Instant) {
        self.failures.values_mut().for_each(|failure| failure.until = now);
    }

    /// Forgets the failures of a change that succeeded.
    pub(crate) fn succeeded(&mut self, change: &Change) {
        for key in change.counted() {
            self.failures.remove(&key);
        }
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
    use provisioner_policy::{Action, Because, Mode, Policy, PowerEdit};

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
        backoff.failed(&change, now, Some(Duration::MAX));
        assert_eq!(backoff.next(now), Some(now + LONGEST_ASKED));
    }

    #[test]
    fn a_level_that_was_refused_waits_whoever_comes_beside_it() {
        let (mut world, room) = crate::reconcile::pushes::tests::world();
        let users = ["@a:a", "@b:a", "@c:a"].map(|mxid| world.intern(mxid));
        let edit = |user: provisioner_policy::UserIx| PowerEdit {
            of: user.into(),
            before: Some(0),
            after: Some(50),
            lowers: false,
        };
        let levels = |of: &[_]| Change::SetPowerLevels { room, edits: of.iter().copied().map(edit).collect() };
        let (now, mut backoff) = (Instant::now(), Backoff::default());
        backoff.failed(&levels(&users[..2]), now, None);
        assert!(!backoff.is_due(&levels(&users), now), "somebody came");
        assert!(!backoff.is_due(&levels(&users[1..2]), now), "somebody went");
        assert!(backoff.is_due(&levels(&users[2..]), now));
        let because = Because::Grants;
        let action = Action { change: levels(&users[1..]), mode: Mode::Enforce, held: None, because };
        backoff.keep_only(&Plan { actions: vec![action], ..Plan::default() }, &world);
        assert!(!backoff.is_due(&levels(&users[1..2]), now), "it is planned still");
        assert!(backoff.is_due(&levels(&users[..1]), now), "it is planned no longer");
    }
}
