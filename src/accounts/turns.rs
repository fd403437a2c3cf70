//! Whose turn it is to be looked up in the pool. Pure.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::delays::Doubling;

/// When the pool is asked again for somebody it did not know.
const AGAIN: Doubling = Doubling { first: Duration::from_secs(15), longest: Duration::from_secs(3600) };

/// So many are asked for before what is named meanwhile is looked at: some ten seconds at the pace of the pool.
const ROUND: usize = 200;

/// The last lookup of a subject, how long to wait before the next, and how often the pool denied it in a row.
struct Lookup {
    at: Instant,
    rest: Duration,
    absent: u32,
}

/// What is known of subjects that nobody has confirmed yet.
#[derive(Default)]
pub(super) struct Turns {
    asked: HashMap<String, Lookup>,
    /// The round in which each was named first.
    named: HashMap<String, u64>,
    round: u64,
}

impl Turns {
    /// The next to be asked for, of `subjects`, which are sorted, and whether more wait: those that were never asked for go
    /// before the others, and of them those that were named last. A flood of invented subjects keeps no newcomer waiting.
    pub(super) fn next(&mut self, subjects: &[String], now: Instant) -> (Vec<String>, bool) {
        self.round += 1;
        let is_named = |subject: &String| subjects.binary_search(subject).is_ok();
        self.asked.retain(|subject, _| is_named(subject));
        self.named.retain(|subject, _| is_named(subject));
        for subject in subjects.iter().filter(|subject| !self.named.contains_key(*subject)).cloned().collect::<Vec<_>>()
        {
            self.named.insert(subject, self.round);
        }
        let is_due = |subject: &&String| self.asked.get(*subject).is_none_or(|asked| asked.at + asked.rest <= now);
        let mut due: Vec<&String> = subjects.iter().filter(is_due).collect();
        due.sort_by_key(|subject| (self.asked.contains_key(*subject), u64::MAX - self.named[*subject]));
        (due.iter().take(ROUND).map(|subject| (*subject).clone()).collect(), due.len() > ROUND)
    }

    /// The pool denied it. Returns how often in a row.
    pub(super) fn denied(&mut self, subject: &str, now: Instant) -> u32 {
        let before = self.absent(subject);
        let lookup = Lookup { at: now, rest: AGAIN.after(before), absent: before + 1 };
        self.asked.insert(subject.to_owned(), lookup);
        before + 1
    }

    /// The pool did not answer; or it confirmed the subject, and who reads the account store has not said so yet.
    pub(super) fn rests(&mut self, subject: &str, now: Instant) {
        let absent = self.absent(subject);
        self.asked.insert(subject.to_owned(), Lookup { at: now, rest: AGAIN.first, absent });
    }

    /// When somebody is to be asked for again.
    pub(super) fn again(&self) -> Option<Instant> {
        self.asked.values().map(|asked| asked.at + asked.rest).min()
    }

    fn absent(&self, subject: &str) -> u32 {
        self.asked.get(subject).map_or(0, |asked| asked.absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invented(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("invented-{n:06}")).collect()
    }

    #[test]
    fn a_newcomer_goes_before_a_flood_that_was_there_already() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        let mut subjects = invented(100_000);
        let (first, more) = turns.next(&subjects, now);
        assert_eq!((first.len(), more), (ROUND, true));
        for subject in &first {
            turns.denied(subject, now);
        }
        subjects.push("newcomer".to_owned());
        let (next, _) = turns.next(&subjects, now);
        assert_eq!(next[0], "newcomer");
        assert!(next.iter().all(|subject| !first.contains(subject)), "and nobody is asked for twice before the others");
    }

    #[test]
    fn somebody_denied_is_asked_for_ever_more_rarely_and_at_least_once_an_hour() {
        let (mut turns, mut now) = (Turns::default(), Instant::now());
        let subjects = invented(1);
        let rests: Vec<u64> = (0..11)
            .map(|_| {
                turns.denied(&subjects[0], now);
                let again = turns.again().unwrap();
                let rest = (again - now).as_secs();
                now = again;
                rest
            })
            .collect();
        assert_eq!(rests, [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    }

    #[test]
    fn somebody_denied_rests_and_is_then_asked_for_again() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        let subjects = invented(1);
        assert_eq!(turns.next(&subjects, now), (subjects.clone(), false));
        assert_eq!(turns.denied(&subjects[0], now), 1);
        assert_eq!(turns.next(&subjects, now), (vec![], false));
        let again = turns.again().unwrap();
        assert_eq!(turns.next(&subjects, again), (subjects.clone(), false));
        assert_eq!(turns.denied(&subjects[0], again), 2);
        // The roster names them no more.
        assert_eq!(turns.next(&[], again), (vec![], false));
        assert_eq!(turns.again(), None);
    }
}
