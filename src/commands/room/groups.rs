//! Groups of the pool that `commands.allow` names, read again before a sender is checked: a user who left one a minute ago may
//! not command any more.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use provisioner_policy::{Selector, groups};
use tokio::sync::Mutex;

use crate::accounts::read_groups;
use crate::commands::room::desk::Desk;

/// A reading that is younger is good enough: several commands in a row cost one. Of the same sender, as it took nobody else out.
const FRESH: Duration = Duration::from_secs(5);

/// How long the pool may take to answer; a group that was not read then lets nobody command.
const PATIENCE: Duration = Duration::from_secs(5);

/// The groups, and when and for whom they were last asked for.
#[derive(Debug)]
pub(crate) struct Groups {
    names: Vec<String>,
    asked: Mutex<Option<(Instant, String)>>,
}

impl Groups {
    /// The groups that these selectors name, each once.
    pub(crate) fn of(selectors: &[Selector]) -> Self {
        Self { names: groups(selectors).into_iter().map(str::to_owned).collect(), asked: Mutex::default() }
    }
}

impl Desk {
    /// Reads the groups again for `sender`, unless that was just done. Those that cannot be read are marked so in the store.
    pub(crate) async fn refresh_groups(&self, sender: &str) -> Result<()> {
        let Groups { names, asked } = &self.groups;
        let Some(directory) = self.accounts.directory.as_ref().filter(|_| !names.is_empty()) else { return Ok(()) };
        // A second command waits here for this reading.
        let mut asked = asked.lock().await;
        if asked.as_ref().is_some_and(|(at, by)| by == sender && at.elapsed() < FRESH) {
            return Ok(());
        }
        let began = Instant::now();
        let reading = read_groups(&self.store, directory, &self.accounts.server, names, sender);
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(read) => read?,
            Err(_) => {
                for group in names {
                    let trouble = format!("the pool did not answer within {} s", PATIENCE.as_secs());
                    self.store.trouble_group(group, &trouble).await.context("note the trouble with a group")?;
                }
            }
        }
        *asked = Some((began, sender.to_owned()));
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
}
