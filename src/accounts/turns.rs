//! Whose turn it is to be looked up in the pool. Pure.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use provisioner_policy::UnknownSubject;

use crate::delays::Doubling;

/// When the pool is asked again for somebody it did not know.
const AGAIN: Doubling = Doubling { first: Duration::from_secs(15), longest: Duration::from_secs(3600) };

/// The pool must deny a subject this often in a row before that is believed: its listings run late. Until then a denial counts only
/// where the one before is as old as the first rest.
pub(super) const ASKED_ENOUGH: u32 = 3;

/// So many are asked for before what is named meanwhile is looked at: some ten seconds at the pace of the pool.
const ROUND: usize = 200;

/// The last lookup of a subject, how long to wait before the next, and how often the pool denied it in a row.
struct Lookup {
    at: Instant,
    rest: Duration,
    absent: u32,
    /// When the last denial was that counts.
    counted: Instant,
    /// The store has the denial.
    is_recorded: bool,
}

/// Denials that are outdated, or of somebody who is named again, are forgotten so often in so long a time. After that the pool is
/// asked once more, and its word counts: somebody who leaves and comes back over and over does not stay by that.
const SAME_STAY: Duration = Duration::from_secs(600);
const FORGOTTEN: u32 = 3;

/// When a subject was named first, or its denials were outdated last.
struct Named {
    round: u64,
    anew: u64,
    /// When the denials were forgotten first, and how often since.
    forgotten: Option<(Instant, u32)>,
    /// In which round, and when, it was among the subjects last.
    listed: (u64, Instant),
}

impl Named {
    /// Whether denials may be forgotten now; then they count as forgotten.
    fn forgets(&mut self, now: Instant) -> bool {
        let before = self.forgotten.filter(|(first, _)| now - *first < SAME_STAY);
        let (first, times) = before.unwrap_or((now, 0));
        self.forgotten = Some((first, times + u32::from(times < FORGOTTEN)));
        times < FORGOTTEN
    }
}

/// What is known of subjects that nobody has confirmed yet.
#[derive(Default)]
pub(super) struct Turns {
    asked: HashMap<String, Lookup>,
    named: HashMap<String, Named>,
    round: u64,
}

impl Turns {
    /// The next to be asked for, of `subjects`, which are sorted, and whether more wait: those that were never asked for go
    /// before the others, of which half a round has a place, and of both those that were named last. A flood of invented subjects
    /// keeps no newcomer waiting, and nobody for the answer that lets them in. A subject whose denials are outdated counts as one
    /// that was named just now.
    pub(super) fn next(&mut self, subjects: &[UnknownSubject], now: Instant) -> (Vec<UnknownSubject>, bool) {
        self.round += 1;
        let Self { asked, named, round } = self;
        named.retain(|subject, its| anew(subjects, subject).is_some() || now - its.listed.1 < SAME_STAY);
        asked.retain(|subject, _| named.contains_key(subject));
        for one in subjects {
            let listed = (*round, now);
            let Some(its) = named.get_mut(&one.subject) else {
                let first = Named { round: *round, anew: one.anew, forgotten: None, listed };
                named.insert(one.subject.clone(), first);
                continue;
            };
            let is_back = its.listed.0 + 1 < *round;
            its.listed = listed;
            if one.anew <= its.anew && !is_back {
                continue;
            }
            (its.anew, its.round) = (its.anew.max(one.anew), *round);
            let Some(lookup) = asked.get_mut(&one.subject) else { continue };
            if lookup.absent == 0 || its.forgets(now) {
                asked.remove(&one.subject);
            } else {
                (lookup.rest, lookup.is_recorded) = (Duration::ZERO, false);
            }
        }
        let is_due = |one: &&UnknownSubject| asked.get(&one.subject).is_none_or(|asked| asked.at + asked.rest <= now);
        let due = subjects.iter().filter(is_due);
        let (mut again, mut first): (Vec<_>, Vec<_>) = due.partition(|one| asked.contains_key(&one.subject));
        for due in [&mut first, &mut again] {
            due.sort_by_key(|one| u64::MAX - named[&one.subject].round);
        }
        let more = first.len() + again.len() > ROUND;
        again.truncate(ROUND.saturating_sub(first.len()).max(ROUND / 2));
        first.truncate(ROUND - again.len());
        (first.into_iter().chain(again).cloned().collect(), more)
    }

    /// A denial was asked for before its user got something. Whether it is forgotten, with those before it.
    pub(super) fn forgets(&mut self, subject: &str, now: Instant) -> bool {
        let forgets = self.named.get_mut(subject).is_some_and(|its| its.forgets(now));
        if forgets {
            self.asked.remove(subject);
        }
        forgets
    }

    /// The pool denied it. Returns how often in a row.
    pub(super) fn denied(&mut self, subject: &str, now: Instant) -> u32 {
        let (absent, is_recorded) = self.known(subject);
        let counted = self.asked.get(subject).map(|asked| asked.counted);
        let too_soon = counted.and_then(|at| AGAIN.first.checked_sub(now - at)).filter(|wait| !wait.is_zero());
        let lookup = match too_soon {
            Some(rest) if (1..ASKED_ENOUGH).contains(&absent) => {
                Lookup { at: now, rest, absent, counted: counted.unwrap_or(now), is_recorded }
            }
            _ => Lookup { at: now, rest: AGAIN.after(absent), absent: absent + 1, counted: now, is_recorded },
        };
        let absent = lookup.absent;
        self.asked.insert(subject.to_owned(), lookup);
        absent
    }

    /// The pool did not answer; or it confirmed the subject, and who reads the account store has not said so yet.
    pub(super) fn rests(&mut self, subject: &str, now: Instant) {
        let (absent, is_recorded) = self.known(subject);
        let counted = self.asked.get(subject).map_or(now, |asked| asked.counted);
        self.asked.insert(subject.to_owned(), Lookup { at: now, rest: AGAIN.first, absent, counted, is_recorded });
    }

    /// The store has its denial: further ones say nothing new.
    pub(super) fn recorded(&mut self, subject: &str) {
        if let Some(lookup) = self.asked.get_mut(subject) {
            lookup.is_recorded = true;
        }
    }

    /// Whether the store has its denial, and the denial is not outdated.
    pub(super) fn is_recorded(&self, subject: &str) -> bool {
        self.known(subject).1
    }

    /// When somebody is to be asked for again.
    pub(super) fn again(&self) -> Option<Instant> {
        let is_listed = |subject: &String| self.named.get(subject).is_none_or(|its| its.listed.0 == self.round);
        let listed = self.asked.iter().filter(|(subject, _)| is_listed(subject));
        listed.map(|(_, asked)| asked.at + asked.rest).min()
    }

    /// How often the pool denied it in a row, and whether the store has that.
    fn known(&self, subject: &str) -> (u32, bool) {
        self.asked.get(subject).map_or((0, false), |asked| (asked.absent, asked.is_recorded))
    }
}

/// What is said of a subject among `subjects`, which are sorted; `None` where nothing is.
pub(super) fn anew(subjects: &[UnknownSubject], subject: &str) -> Option<u64> {
    let at = subjects.binary_search_by(|one| one.subject.as_str().cmp(subject)).ok()?;
    Some(subjects[at].anew)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(subject: &str) -> UnknownSubject {
        UnknownSubject { subject: subject.to_owned(), anew: 0 }
    }

    fn invented(count: usize) -> Vec<UnknownSubject> {
        (0..count).map(|n| named(&format!("invented-{n:06}"))).collect()
    }

    #[test]
    fn a_newcomer_goes_before_a_flood_that_was_there_already() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        let mut subjects = invented(100_000);
        let (first, more) = turns.next(&subjects, now);
        assert_eq!((first.len(), more), (ROUND, true));
        for one in &first {
            turns.denied(&one.subject, now);
        }
        subjects.push(named("newcomer"));
        let (next, _) = turns.next(&subjects, now);
        assert_eq!(next[0].subject, "newcomer");
        assert!(next.iter().all(|one| !first.contains(one)), "and nobody is asked for twice before the others");
    }

    #[test]
    fn somebody_denied_is_asked_for_ever_more_rarely_and_at_least_once_an_hour() {
        let (mut turns, mut now) = (Turns::default(), Instant::now());
        let rests: Vec<u64> = (0..11)
            .map(|_| {
                turns.denied("invented", now);
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
        let subject = &subjects[0].subject;
        assert_eq!(turns.next(&subjects, now), (subjects.clone(), false));
        assert_eq!(turns.denied(subject, now), 1);
        assert_eq!(turns.next(&subjects, now), (vec![], false));
        let again = turns.again().unwrap();
        assert_eq!(turns.next(&subjects, again), (subjects.clone(), false));
        assert_eq!(turns.denied(subject, again), 2);
        // The roster names them no more.
        assert_eq!(turns.next(&[], again), (vec![], false));
        assert_eq!(turns.again(), None);
    }

    #[test]
    fn somebody_whose_denials_are_outdated_is_asked_for_at_once_and_from_the_beginning() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        let mut subjects = invented(ROUND + 1);
        let last = subjects.len() - 1;
        let subject = subjects[last].subject.clone();
        turns.next(&subjects, now);
        let times: Vec<u32> = (0..3).map(|times| turns.denied(&subject, now + AGAIN.first * times)).collect();
        assert_eq!(times, [1, 2, 3]);
        let now = now + AGAIN.first * 2;
        turns.recorded(&subject);
        assert!(turns.is_recorded(&subject));
        turns.next(&subjects, now);
        assert!(turns.is_recorded(&subject), "nothing was said of them");

        subjects[last].anew = 7;
        let (next, more) = turns.next(&subjects, now);
        assert_eq!((&next[0], more), (&subjects[last], true), "they go before those that were named earlier");
        assert!(!turns.is_recorded(&subject));
        assert_eq!(turns.denied(&subject, now), 1);
        turns.recorded(&subject);
        // The store's word was read, or the same is said once more.
        for anew in [7, 0, 7] {
            subjects[last].anew = anew;
            assert!(!turns.next(&subjects, now).0.contains(&subjects[last]), "they rest");
            assert!(turns.is_recorded(&subject));
        }
        subjects[last].anew = 8;
        assert_eq!(turns.next(&subjects, now + SAME_STAY).0[0], subjects[last]);
        assert_eq!(turns.denied(&subject, now), 1);
    }

    #[test]
    fn somebody_who_comes_back_a_fourth_time_is_asked_for_once_each_time_and_the_denials_go_on() {
        let (mut turns, mut now) = (Turns::default(), Instant::now());
        let mut subjects = invented(1);
        let subject = subjects[0].subject.clone();
        turns.next(&subjects, now);
        subjects[0].anew = 1;
        for (anew, times) in [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (6, 3)] {
            subjects[0].anew = anew;
            assert_eq!(turns.next(&subjects, now), (subjects.clone(), false), "at once");
            assert!(!turns.is_recorded(&subject));
            assert_eq!(turns.denied(&subject, now), times);
            turns.recorded(&subject);
            // A stranger is named by nobody while they are out.
            assert_eq!((turns.next(&[], now), turns.again()), ((vec![], false), None));
            now += AGAIN.first;
        }
        turns.next(&[], now + SAME_STAY);
        turns.next(&subjects, now + SAME_STAY);
        assert_eq!(turns.denied(&subject, now + SAME_STAY), 1, "that is long ago");
    }

    #[test]
    fn what_was_forgotten_where_there_was_nothing_to_forget_does_not_count() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        let mut subjects = invented(1);
        let subject = subjects[0].subject.clone();
        for anew in 1..10 {
            subjects[0].anew = anew;
            assert_eq!(turns.next(&subjects, now).0, subjects);
        }
        // They are asked for, and got something before each answer.
        for _ in 0..FORGOTTEN {
            turns.denied(&subject, now);
            assert!(turns.forgets(&subject, now));
            assert_eq!(turns.denied(&subject, now), 1);
        }
        assert!(!turns.forgets(&subject, now));
        assert_eq!(
            turns.denied(&subject, now),
            1,
            "they got something again and again, and the listings of the pool run late"
        );
        assert_eq!(turns.again(), Some(now + AGAIN.first));
        assert_eq!(turns.denied(&subject, now + AGAIN.first), 2);
        assert!(turns.forgets(&subject, now + SAME_STAY));
    }

    #[test]
    fn a_flood_that_is_asked_for_first_leaves_half_a_round_to_those_who_wait_for_another_answer() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        let mut subjects = invented(1);
        let subject = subjects[0].clone();
        turns.next(&subjects, now);
        turns.denied(&subject.subject, now);
        subjects = invented(100_000);
        let (next, more) = turns.next(&subjects, now + AGAIN.first);
        assert_eq!((next.len(), more), (ROUND, true));
        assert_eq!(next.last(), Some(&subject));
    }
}
