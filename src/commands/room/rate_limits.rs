//! Limits for one sender: so many commands a minute, and each kind of refusal once an hour.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Commands within [`MINUTE`].
const COMMANDS: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// A sender who may not command is told so once within this time.
const REFUSAL: Duration = Duration::from_secs(3600);

/// Recent commands and refusals by sender. A restart forgets them: only the quiet of the room depends on them.
#[derive(Debug, Default)]
pub(crate) struct RateLimits {
    commands: HashMap<String, VecDeque<Instant>>,
    told: HashMap<(String, &'static str), Instant>,
}

impl RateLimits {
    /// Counts a command. False where the sender is over the limit.
    pub(crate) fn allows(&mut self, sender: &str, now: Instant) -> bool {
        self.commands.retain(|_, times| times.back().is_some_and(|last| now - *last < MINUTE));
        let times = self.commands.entry(sender.to_owned()).or_default();
        while times.front().is_some_and(|first| now - *first >= MINUTE) {
            times.pop_front();
        }
        if times.len() >= COMMANDS {
            return false;
        }
        times.push_back(now);
        true
    }

    /// Whether the sender is to be told of this now, or was told within the hour.
    pub(crate) fn tells(&mut self, sender: &str, of: &'static str, now: Instant) -> bool {
        self.told.retain(|_, told| now - *told < REFUSAL);
        let key = (sender.to_owned(), of);
        let new = !self.told.contains_key(&key);
        if new {
            self.told.insert(key, now);
        }
        new
    }

    /// The sender was not told after all.
    pub(crate) fn forget_told(&mut self, sender: &str, of: &'static str) {
        self.told.remove(&(sender.to_owned(), of));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_commands_a_minute_pass_and_each_sender_has_their_own() {
        let (mut limits, now) = (RateLimits::default(), Instant::now());
        for _ in 0..COMMANDS {
            assert!(limits.allows("@ada:a", now));
        }
        assert!(!limits.allows("@ada:a", now + MINUTE / 2));
        assert!(limits.allows("@bob:a", now));
        assert!(limits.allows("@ada:a", now + MINUTE));
    }

    #[test]
    fn a_refusal_is_said_once_an_hour() {
        let (mut limits, now) = (RateLimits::default(), Instant::now());
        assert!(limits.tells("@ada:a", "allow", now));
        assert!(!limits.tells("@ada:a", "allow", now + REFUSAL / 2));
        assert!(limits.tells("@ada:a", "pace", now));
        assert!(limits.tells("@ada:a", "allow", now + REFUSAL));
        limits.forget_told("@ada:a", "allow");
        assert!(limits.tells("@ada:a", "allow", now + REFUSAL));
    }
}
