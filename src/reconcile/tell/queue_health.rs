//! How the queue of sign-ups fares, and what lasts of it: it cannot be read, messages lie among its dead letters, or nobody can
//! look there. Asks nothing by itself.

use std::time::Duration;

use provisioner_policy::how_many;

use crate::reconcile::tell::conditions::{Condition, Conditions, QUEUE, SOURCE_PATIENCE, source_key};

/// The key of what the dead-letter queue holds.
pub(super) const DEAD_LETTERS: &str = "dead letters";

/// The key of that nobody can look there.
pub(super) const UNSEEN: &str = "dead letters unseen";

/// How the queue of sign-ups fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueHealth {
    /// Age of the oldest message in hand.
    pub oldest: Duration,
    /// Messages in hand.
    pub in_flight: usize,
    /// Why messages are not received, or not worked on.
    pub trouble: Option<String>,
    /// A receive has ended since the start, well or not.
    pub is_polled: bool,
    /// Why no message can be received.
    pub not_received: Option<String>,
    /// Messages in the dead-letter queue when it was counted last, where there is one.
    pub dead_letters: Option<u64>,
    /// The dead letters were counted since the start, or there is no place for any.
    pub is_counted: bool,
    /// Why they could not be counted at the last attempt.
    pub unseen: Option<Unseen>,
}

/// Why the dead letters cannot be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// With the mend.
    pub why: String,
    /// It does not pass by itself.
    pub is_misconfigured: bool,
}

impl QueueHealth {
    /// What lasts of the queue. Each of the three is unknown until it was looked at for the first time, and no longer: what
    /// the role may not see of the dead letters says nothing of the queue itself.
    pub fn conditions(&self) -> Conditions {
        let conditions = [self.not_received(), self.dead_letters(), self.unseen()];
        let mut unknown = Vec::new();
        if !self.is_polled {
            unknown.push(source_key(QUEUE));
        }
        if !self.is_counted {
            unknown.push(DEAD_LETTERS.to_owned());
        }
        // Where the queue itself does not answer, that is the trouble.
        if self.not_received.is_some() || (!self.is_counted && self.unseen.is_none()) {
            unknown.push(UNSEEN.to_owned());
        }
        Conditions { lasting: conditions.into_iter().flatten().collect(), unknown }
    }

    fn not_received(&self) -> Option<Condition> {
        let why = self.not_received.as_ref()?;
        Some(Condition {
            key: source_key(QUEUE),
            text: format!("{QUEUE} cannot be read, and who has confirmed their sign-up waits: {why}"),
            patience: SOURCE_PATIENCE,
        })
    }

    /// Dead letters are sign-ups that nobody will work on by themselves.
    fn dead_letters(&self) -> Option<Condition> {
        let count = self.dead_letters.filter(|count| *count > 0)?;
        let messages = how_many(count, "message lies", "messages lie");
        Some(Condition {
            key: DEAD_LETTERS.to_owned(),
            text: format!(
                "{messages} in the dead-letter queue: look in the log why, mend that, and move them back to the queue (SQS: \
                 start a redrive); delete them if they are not ours"
            ),
            patience: Duration::ZERO,
        })
    }

    /// Nobody would be told of dead letters.
    fn unseen(&self) -> Option<Condition> {
        let Unseen { why, is_misconfigured } = self.unseen.as_ref().filter(|_| self.not_received.is_none())?;
        Some(Condition {
            key: UNSEEN.to_owned(),
            text: format!("the dead letters of {QUEUE} cannot be counted, and nobody is told of new ones: {why}"),
            patience: if *is_misconfigured { Duration::ZERO } else { SOURCE_PATIENCE },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue that is read and has no dead letters.
    fn well() -> QueueHealth {
        QueueHealth { is_polled: true, is_counted: true, ..QueueHealth::default() }
    }

    fn keys(health: &QueueHealth) -> (Vec<String>, Vec<String>) {
        let Conditions { lasting, unknown } = health.conditions();
        (lasting.into_iter().map(|condition| condition.key).collect(), unknown)
    }

    #[test]
    fn dead_letters_are_told_of_until_there_are_none() {
        let text = |dead_letters| QueueHealth { dead_letters, ..well() }.dead_letters().map(|condition| condition.text);
        assert_eq!((text(None), text(Some(0))), (None, None));
        assert!(text(Some(1)).unwrap().starts_with("1 message lies in the dead-letter queue:"));
        assert!(text(Some(7)).unwrap().starts_with("7 messages lie in the dead-letter queue:"));
    }

    #[test]
    fn a_queue_that_answers_nothing_is_a_source_that_fails() {
        let deaf = QueueHealth { not_received: Some("it is gone".to_owned()), ..well() };
        let Conditions { lasting, .. } = deaf.conditions();
        assert_eq!((lasting.len(), lasting[0].patience), (1, SOURCE_PATIENCE));
        assert_eq!(lasting[0].key, "source the queue");
    }

    #[test]
    fn what_was_not_looked_at_yet_is_unknown_and_the_queue_is_known_from_its_first_receive_on() {
        let unasked = QueueHealth::default();
        assert_eq!(keys(&unasked), (vec![], ["source the queue", DEAD_LETTERS, UNSEEN].map(str::to_owned).to_vec()));
        // Whether the dead letters may be counted or not: an alert of an outage that is over is closed.
        let polled = QueueHealth { is_polled: true, ..unasked };
        assert!(!keys(&polled).1.contains(&source_key(QUEUE)));
        assert_eq!(keys(&well()), (vec![], vec![]));
    }

    #[test]
    fn dead_letters_that_may_not_be_counted_are_a_condition_of_their_own_with_its_mend() {
        let why = "the role of the service lacks sqs:GetQueueUrl on the dead-letter queue \"dead\"".to_owned();
        let unseen = |is_misconfigured| Some(Unseen { why: why.clone(), is_misconfigured });
        let denied = QueueHealth { is_counted: false, unseen: unseen(true), ..well() };
        // How many there are nobody can say, so that an alert of them stands.
        assert_eq!(keys(&denied), (vec![UNSEEN.to_owned()], vec![DEAD_LETTERS.to_owned()]));
        let Conditions { lasting, .. } = denied.conditions();
        assert!(lasting[0].text.ends_with(&why), "{}", lasting[0].text);
        assert_eq!(lasting[0].patience, Duration::ZERO);
        let passing = QueueHealth { unseen: unseen(false), ..well() };
        assert_eq!(passing.conditions().lasting[0].patience, SOURCE_PATIENCE);
        // One trouble is one alert.
        let deaf = QueueHealth { not_received: Some("it is gone".to_owned()), ..denied };
        assert_eq!(keys(&deaf).0, [source_key(QUEUE)]);
        assert!(keys(&deaf).1.contains(&UNSEEN.to_owned()));
    }
}
