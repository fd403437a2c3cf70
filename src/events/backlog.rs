//! What waits to be published, in the order of the ledger. Pure.
//!
//! Two events about the same person or room are never in one batch, and none overtakes an earlier one: an entry of a batch may
//! fail by itself. It rests then, and what comes after it about the same with it, while the others go on.

use std::collections::{HashSet, VecDeque};

use chrono::{DateTime, Utc};

use super::cloud_event::Event;
use super::topic::Delivery;

/// The most SNS takes at once.
const MOST_ENTRIES: usize = 10;

/// The most bytes SNS takes at once, in one event or in ten.
pub const MOST_BYTES: usize = 256 * 1024;

/// An event that fails in so many rounds, while others get through, is given up. Rounds are minutes apart by then.
const MOST_TRIES: u32 = 10;

/// Events that wait, and up to which line they reach.
#[derive(Debug, Default)]
pub struct Backlog {
    waiting: VecDeque<Waiting>,
    /// All of the ledger up to this line was taken in.
    reaches: i64,
}

#[derive(Debug)]
struct Waiting {
    event: Event,
    /// How often it failed while others got through.
    failures: u32,
    /// It failed in this round.
    rests: bool,
}

/// An event that is given up, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct GivenUp {
    pub event: Event,
    pub why: String,
}

/// What came of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settled {
    pub taken: Vec<Event>,
    pub given_up: Vec<GivenUp>,
    /// Why the others failed, where any did.
    pub failed: Option<String>,
}

impl Backlog {
    /// Takes in the events of all lines up to `reaches`, in order. Those that are too large for SNS are given up at once.
    pub fn take_in(&mut self, events: impl IntoIterator<Item = Event>, reaches: i64) -> Vec<GivenUp> {
        let mut too_large = Vec::new();
        for event in events {
            match event.size() {
                size if size > MOST_BYTES => {
                    too_large.push(GivenUp { event, why: format!("it has {size} bytes, and SNS takes {MOST_BYTES}") });
                }
                _ => self.waiting.push_back(Waiting { event, failures: 0, rests: false }),
            }
        }
        self.reaches = self.reaches.max(reaches);
        too_large
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When the oldest of what waits happened.
    pub fn oldest(&self) -> Option<DateTime<Utc>> {
        self.waiting.front().map(|first| first.event.at)
    }

    /// What rested is tried again.
    pub fn begin_round(&mut self) {
        self.waiting.iter_mut().for_each(|waiting| waiting.rests = false);
    }

    /// Up to this line everything is published, or given up.
    pub fn told(&self) -> i64 {
        self.waiting.front().map_or(self.reaches, |first| first.event.line - 1)
    }

    /// The next batch, as places in what waits, in order.
    fn places(&self) -> Vec<usize> {
        let (mut places, mut bytes, mut about) = (Vec::new(), 0, HashSet::new());
        for (place, Waiting { event, rests, .. }) in self.waiting.iter().enumerate() {
            // Whatever comes later about who is passed over waits with it.
            if !about.insert(&*event.about) || *rests {
                continue;
            }
            bytes += event.size();
            if places.len() == MOST_ENTRIES || bytes > MOST_BYTES {
                break;
            }
            places.push(place);
        }
        places
    }

    /// The next batch; empty where all that waits has to rest.
    pub fn batch(&self) -> Vec<&Event> {
        self.places().into_iter().map(|place| &self.waiting[place].event).collect()
    }

    /// Takes over what became of the batch, in its order.
    pub fn settle(&mut self, deliveries: Vec<Delivery>) -> Settled {
        let mut settled = Settled::default();
        let places = self.places();
        let gets_through = deliveries.contains(&Delivery::Taken);
        // From the last one on, so that the places before stay what they are.
        for (place, delivery) in places.into_iter().zip(deliveries).rev() {
            let give_up = match delivery {
                Delivery::Taken => {
                    settled.taken.extend(self.waiting.remove(place).map(|waiting| waiting.event));
                    continue;
                }
                Delivery::Refused(why) => Some(why),
                Delivery::Failed(why) => {
                    let waiting = &mut self.waiting[place];
                    waiting.failures += u32::from(gets_through);
                    waiting.rests = true;
                    if waiting.failures >= MOST_TRIES {
                        Some(why)
                    } else {
                        settled.failed = Some(why);
                        None
                    }
                }
            };
            if let Some(why) = give_up
                && let Some(Waiting { event, .. }) = self.waiting.remove(place)
            {
                settled.given_up.push(GivenUp { event, why });
            }
        }
        settled.taken.reverse();
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::EventType;

    fn event(line: i64, about: &str, bytes: usize) -> Event {
        Event {
            line,
            at: DateTime::from_timestamp(line, 0).unwrap(),
            id: format!("{line}/{about}"),
            kind: EventType::MemberJoined,
            about: about.to_owned(),
            room: None,
            outcome: "done",
            body: "x".repeat(bytes),
        }
    }

    fn backlog(events: &[(i64, &str)]) -> Backlog {
        let mut backlog = Backlog::default();
        let reaches = events.iter().map(|(line, _)| *line).max().unwrap_or(0) + 5;
        assert_eq!(backlog.take_in(events.iter().map(|(line, about)| event(*line, about, 10)), reaches), []);
        backlog
    }

    fn lines(backlog: &Backlog) -> Vec<i64> {
        backlog.batch().iter().map(|event| event.line).collect()
    }

    #[test]
    fn a_batch_has_one_event_about_each_and_none_overtakes_an_earlier_one() {
        let mut backlog = backlog(&[(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "a"), (6, "b")]);
        assert_eq!(lines(&backlog), [1, 2, 4]);
        let failed = Delivery::Failed("again".to_owned());
        let settled = backlog.settle(vec![failed, Delivery::Taken, Delivery::Taken]);
        assert_eq!(settled.taken.iter().map(|event| event.line).collect::<Vec<_>>(), [2, 4]);
        assert_eq!((settled.failed.as_deref(), backlog.told()), (Some("again"), 0));
        // What failed rests, and what is about the same with it. Then it comes first.
        assert_eq!(lines(&backlog), [6]);
        assert_eq!(backlog.oldest(), DateTime::from_timestamp(1, 0));
        backlog.begin_round();
        assert_eq!(lines(&backlog), [1, 6]);
        backlog.settle(vec![Delivery::Taken, Delivery::Taken]);
        assert_eq!((lines(&backlog), backlog.told()), (vec![3], 2));
        backlog.settle(vec![Delivery::Taken]);
        backlog.settle(vec![Delivery::Taken]);
        assert_eq!(
            (backlog.is_empty(), backlog.told()),
            (true, 11),
            "all of it, and the lines that tell others nothing"
        );
    }

    #[test]
    fn a_batch_is_no_more_than_sns_takes() {
        let mut backlog = Backlog::default();
        let third = MOST_BYTES / 3;
        let large = [(1, "a", third), (2, "b", third), (3, "c", third), (4, "d", 10)];
        backlog.take_in(large.map(|(line, about, bytes)| event(line, about, bytes)), 4);
        assert_eq!(lines(&backlog), [1, 2], "attributes count, too");
        let many: Vec<(i64, String)> = (0..25).map(|line| (line, line.to_string())).collect();
        let mut backlog = Backlog::default();
        backlog.take_in(many.iter().map(|(line, about)| event(*line, about, 10)), 25);
        assert_eq!(lines(&backlog), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn what_sns_does_not_take_is_given_up_and_holds_nothing_up() {
        let mut backlog = Backlog::default();
        let given_up = backlog.take_in([event(1, "a", MOST_BYTES), event(2, "b", 10), event(3, "c", 10)], 3);
        assert_eq!(given_up.iter().map(|one| one.event.line).collect::<Vec<_>>(), [1]);
        let settled = backlog.settle(vec![Delivery::Refused("InvalidParameter".to_owned()), Delivery::Taken]);
        assert_eq!(settled.given_up[0].event.line, 2);
        assert!(backlog.is_empty());
    }

    #[test]
    fn what_fails_alone_is_given_up_in_the_end_and_what_fails_with_all_never() {
        let mut alone = backlog(&[(1, "poison"), (2, "other")]);
        let failed = || Delivery::Failed("InternalError".to_owned());
        for line in 2..i64::from(MOST_TRIES) + 1 {
            assert_eq!(alone.settle(vec![failed(), Delivery::Taken]).given_up, []);
            alone.take_in([event(line + 1, "other", 10)], line + 1);
            alone.begin_round();
        }
        assert_eq!(alone.settle(vec![failed(), Delivery::Taken]).given_up.len(), 1);
        let mut all = backlog(&[(1, "a"), (2, "b")]);
        for _ in 0..50 {
            assert_eq!(all.settle(vec![failed(), failed()]).given_up, []);
            all.begin_round();
        }
    }
}
