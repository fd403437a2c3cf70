//! Clocks: this machine's, the database's and Synapse's. Nothing breaks by a difference, but logs and ledger then tell
//! different times.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use super::Finding;

/// A greater difference is reported. Synapse's clock is told in whole seconds.
const APART: Duration = Duration::from_secs(5);

/// How far a clock is ahead of this machine's, in seconds; behind is negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ahead(f64);

impl Ahead {
    /// From what a clock said at some moment between two of ours.
    pub(super) fn of(theirs: DateTime<Utc>, asked: SystemTime, answered: SystemTime) -> Self {
        let since = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 in microseconds fit well into a double")]
        let theirs = theirs.timestamp_micros() as f64 / 1e6;
        Self(theirs - f64::midpoint(since(asked), since(answered)))
    }
}

/// Compares the clocks that could be read.
pub(super) fn compare(database: Option<Ahead>, synapse: Option<Ahead>) -> Vec<Finding> {
    let known: Vec<(&str, Ahead)> = [("the database", database), ("Synapse", synapse)]
        .into_iter()
        .filter_map(|(name, ahead)| Some((name, ahead?)))
        .collect();
    let apart: Vec<Finding> = known
        .iter()
        .filter(|(_, Ahead(seconds))| seconds.abs() > APART.as_secs_f64())
        .map(|(name, Ahead(seconds))| {
            let way = if *seconds > 0.0 { "ahead of" } else { "behind" };
            let text = format!("the clock of {name} is {:.0} s {way} this machine's", seconds.abs());
            Finding::warn("clock", text, "set both by the same source of time (NTP)")
        })
        .collect();
    if !apart.is_empty() {
        return apart;
    }
    let names: Vec<&str> = known.into_iter().map(|(name, _)| name).collect();
    vec![match names.as_slice() {
        [] => Finding::skip("clock", "needs the database or Synapse"),
        names => Finding::pass("clock", format!("{} and this machine agree within {APART:?}", names.join(", "))),
    }]
}

#[cfg(test)]
mod tests {
    use super::super::FindingStatus;
    use super::*;

    fn ahead(seconds: i64) -> Ahead {
        let asked = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let theirs = DateTime::from_timestamp(1_000_001 + seconds, 0).unwrap();
        Ahead::of(theirs, asked, asked + Duration::from_secs(2))
    }

    #[test]
    fn a_clock_is_compared_with_the_middle_of_the_question() {
        assert_eq!(ahead(0), Ahead(0.0));
        assert_eq!(ahead(-7), Ahead(-7.0));
    }

    #[test]
    fn each_clock_that_is_far_off_is_named_with_how_far() {
        let findings = compare(Some(ahead(-60)), Some(ahead(6)));
        let texts: Vec<&str> = findings.iter().map(|finding| finding.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "the clock of the database is 60 s behind this machine's",
                "the clock of Synapse is 6 s ahead of this machine's"
            ]
        );
        assert!(findings.iter().all(|finding| finding.status == FindingStatus::Warn));
    }

    #[test]
    fn clocks_that_agree_pass_and_those_that_are_not_known_are_skipped() {
        assert_eq!(compare(Some(ahead(2)), None)[0].status, FindingStatus::Pass);
        assert_eq!(compare(None, None)[0].status, FindingStatus::Skip);
    }
}
