//! Names that changed since they were first shown: who calls themselves as somebody else did a minute ago is marked. What was
//! shown first is kept in our database, in a table that nothing else reads.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::timeout;
use tracing::debug;

use super::rest::Rest;
use super::shown::{FormerName, ShownName};
use crate::store::Store;

/// An answer waits no longer for the database, and goes without marks then.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who looks at names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameReader {
    /// The replica that reconciles: it notes what it shows.
    Leader,
    /// A command: it writes nothing.
    Command,
}

/// What was shown first of each user.
#[derive(Debug)]
pub(super) struct FirstNames {
    store: Store,
    reader: NameReader,
    rest: Rest,
}

impl FirstNames {
    pub(super) fn new(store: Store, reader: NameReader) -> Self {
        Self { store, reader, rest: Rest::default() }
    }

    /// Says of these names, made harmless and each with its user, what came before them. One statement for all of them.
    pub(super) async fn mark(&self, names: Vec<(String, String)>) -> Vec<(String, ShownName)> {
        let (user_ids, names): (Vec<String>, Vec<String>) = names.into_iter().unzip();
        let is_asked = !names.is_empty() && !self.rest.goes_on();
        let mut former = if is_asked { self.ask(&user_ids, &names).await } else { HashMap::new() };
        let marked = |(mxid, name)| {
            let was = former.remove(&mxid);
            (mxid, ShownName { name, was })
        };
        user_ids.into_iter().zip(names).map(marked).collect()
    }

    async fn ask(&self, user_ids: &[String], names: &[String]) -> HashMap<String, FormerName> {
        let asked = async {
            match self.reader {
                NameReader::Leader => self.store.note_shown_names(user_ids, names).await,
                NameReader::Command => self.store.former_names(user_ids, names).await,
            }
        };
        let left_out = match timeout(PATIENCE, asked).await {
            Ok(Ok(rows)) => {
                let former = rows.into_iter().map(|row| (row.user_id, FormerName { name: row.name, until: row.until }));
                return former.collect();
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the database has not answered for {} s", PATIENCE.as_secs()),
        };
        debug!("names that changed are not marked: {left_out}");
        self.rest.begin();
        HashMap::new()
    }
}
