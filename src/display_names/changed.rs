//! Names that changed since this replica first showed them: who calls themselves as somebody else did a minute ago is marked.
//! Kept in memory, for as long as the replica leads: a restart begins anew, and no name is written anywhere.

use chrono::{DateTime, Utc};
use moka::future::Cache;

use super::shown::isolated;

/// So many users are remembered; those who were not shown for longest are forgotten first.
const REMEMBERED: u64 = 5000;

/// The first name that was shown of a user, and when another one was first seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FirstName {
    name: String,
    until: Option<DateTime<Utc>>,
}

/// What was shown first, by user id.
#[derive(Clone, Debug)]
pub(super) struct FirstNames(Cache<String, FirstName>);

impl Default for FirstNames {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl FirstNames {
    /// Takes a name, made harmless, as Synapse has it at `now`. Returns what is to be said of it where it is not the first one.
    pub(super) async fn note(&self, mxid: &str, name: &str, now: DateTime<Utc>) -> Option<String> {
        let Some(first) = self.0.get(mxid).await else {
            self.0.insert(mxid.to_owned(), FirstName { name: name.to_owned(), until: None }).await;
            return None;
        };
        if first.name == name {
            // They have taken it back.
            if first.until.is_some() {
                self.0.insert(mxid.to_owned(), FirstName { until: None, ..first }).await;
            }
            return None;
        }
        let until = first.until.unwrap_or(now);
        if first.until.is_none() {
            self.0.insert(mxid.to_owned(), FirstName { until: Some(until), ..first.clone() }).await;
        }
        Some(format!("was \"{}\" until {}", isolated(&first.name), until.format("%Y-%m-%d %H:%M UTC")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_marked_for_as_long_as_it_is_not_the_first() {
        let names = FirstNames::default();
        let note = async |name: &str, seconds: i64| {
            names.note("@u:a", name, DateTime::from_timestamp(1_796_000_000 + seconds, 0).unwrap()).await
        };
        assert_eq!((note("Ben", 0).await, note("Ben", 60).await), (None, None));
        let was = Some("was \"Ben\" until 2026-11-30 00:55 UTC".to_owned());
        assert_eq!((note("Ada", 120).await, note("Eve", 240).await), (was.clone(), was));
        assert_eq!(note("Ben", 300).await, None, "it is the first again");
        assert_eq!(note("Ada", 420).await.unwrap(), "was \"Ben\" until 2026-11-30 01:00 UTC");
        assert_eq!(names.note("@other:a", "Ben", Utc::now()).await, None);
    }
}
