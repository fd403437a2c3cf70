//! Groups of the pool that `commands.allow` names, read again before a sender is checked: a user who left one a minute ago may
//! not command any more.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use provisioner_policy::{Selector, groups};

use crate::accounts::{GroupReading, read_groups, record_again};
use crate::commands::room::desk::Desk;

/// A reading of all groups that is younger is good enough: several commands in a row cost one.
const FRESH: Duration = Duration::from_secs(5);

/// How long the pool may take to answer; a group that was not read then lets nobody command.
const PATIENCE: Duration = Duration::from_secs(5);

/// The groups, what was read of them last, and who is judged by them.
#[derive(Debug)]
pub(crate) struct Groups {
    names: Vec<String>,
    last: tokio::sync::Mutex<Option<LastReading>>,
    /// A sender of two commands stands here twice.
    judged: Mutex<Vec<String>>,
}

/// What came of the last reading.
#[derive(Debug)]
struct LastReading {
    began: Instant,
    ended: Instant,
    /// The groups that could be read. The others are marked in the store.
    readings: Vec<GroupReading>,
}

/// A sender who is judged by the groups, until this is dropped. Meanwhile each reading counts for them, also one for another sender:
/// where their own one failed, another makes the group good again, and would leave them in it.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    groups: &'a Groups,
    sender: &'a str,
}

impl Groups {
    /// The groups that these selectors name, each once.
    pub(crate) fn of(selectors: &[Selector]) -> Self {
        let names = groups(selectors).into_iter().map(str::to_owned).collect();
        Self { names, last: tokio::sync::Mutex::default(), judged: Mutex::default() }
    }

    /// Begins to judge `sender`.
    pub(crate) fn judge<'a>(&'a self, sender: &'a str) -> Judged<'a> {
        self.judged.lock().push(sender.to_owned());
        Judged { groups: self, sender }
    }
}

impl Drop for Judged<'_> {
    fn drop(&mut self) {
        let mut judged = self.groups.judged.lock();
        if let Some(place) = judged.iter().position(|its| its == self.sender) {
            judged.remove(place);
        }
    }
}

impl LastReading {
    /// Whether it will do for somebody who came at `came`, of so many groups: it ended while they waited for it, or all of them
    /// were read a moment ago.
    fn will_do(&self, came: Instant, groups: usize) -> bool {
        came <= self.ended || self.readings.len() == groups && self.began.elapsed() < FRESH
    }
}

impl Desk {
    /// Reads the groups again for a sender who is judged, unless that was just done. Those that cannot be read are marked so in
    /// the store.
    pub(crate) async fn refresh_groups(&self, judged: &Judged<'_>) -> Result<()> {
        let groups = judged.groups;
        let Groups { names, last, .. } = groups;
        let Some(directory) = self.accounts.directory.as_ref().filter(|_| !names.is_empty()) else { return Ok(()) };
        let came = Instant::now();
        // Another sender waits here for this reading, and no longer: it will do for all of them, failed or not.
        let mut last = last.lock().await;
        let user_ids = groups.judged.lock().clone();
        if let Some(last) = last.as_ref().filter(|last| last.will_do(came, names.len()))
            && record_again(&self.store, &last.readings, &user_ids).await?
        {
            return Ok(());
        }
        let began = Instant::now();
        let reading = read_groups(&self.store, directory, &self.accounts.server, names, &user_ids);
        let readings = match tokio::time::timeout(PATIENCE, reading).await {
            Ok(read) => read?,
            Err(_) => {
                for group in names {
                    let trouble = format!("the pool did not answer within {} s", PATIENCE.as_secs());
                    self.store.trouble_group(group, &trouble).await.context("note the trouble with a group")?;
                }
                Vec::new()
            }
        };
        *last = Some(LastReading { began, ended: Instant::now(), readings });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_groups_are_read_and_each_once() {
        let group = |name: &str| Selector::Group(name.to_owned());
        let selectors = [group("b"), Selector::Everyone, group("a"), Selector::Subject("c".to_owned()), group("b")];
        assert_eq!(Groups::of(&selectors).names, ["a", "b"]);
        assert!(Groups::of(&selectors[1..2]).names.is_empty());
    }

    #[test]
    fn a_sender_is_judged_as_long_as_one_of_their_commands_is() {
        let groups = Groups::of(&[]);
        let [first, second, other] = ["@a:a", "@a:a", "@b:a"].map(|sender| groups.judge(sender));
        drop(first);
        assert_eq!(*groups.judged.lock(), ["@a:a", "@b:a"]);
        drop(second);
        assert_eq!(*groups.judged.lock(), ["@b:a"]);
        drop(other);
        assert!(groups.judged.lock().is_empty(), "nobody is remembered for having asked");
    }

    #[test]
    fn a_reading_will_do_for_who_waited_for_it_and_one_of_all_groups_for_a_moment_longer() {
        let ended = Instant::now();
        let reading = LastReading { began: ended, ended, readings: Vec::new() };
        let later = ended + Duration::from_millis(1);
        assert!(reading.will_do(ended, 1) && reading.will_do(later, 0));
        assert!(!reading.will_do(later, 1), "a group could not be read: the pool is asked again");
    }
}
