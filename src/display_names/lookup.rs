//! Looks names up at Synapse: few at once, not for long, and not at all for a while after Synapse was slow.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use moka::future::Cache;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::clean::clean;
use super::former::{FirstNames, NameReader};
use super::ids;
use super::rest::Rest;
use super::shown::DisplayNames;
use crate::homeserver::Homeserver;
use crate::store::Store;

/// So many names of one answer are looked up. Nobody reads more lines than that at once.
const MOST: usize = 100;

/// Requests at the same time.
const AT_ONCE: usize = 8;

/// An answer waits no longer for its names.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many names are kept, of some hundred bytes each.
const KEPT: u64 = 5000;

/// A name that was changed is shown after so long.
const LASTS: Duration = Duration::from_secs(300);

/// The names of users of our own server: those of another are asked of that server, which may take its time.
#[derive(Debug)]
pub struct NameLookup {
    homeserver: Homeserver,
    server_name: String,
    /// By user id. `None` is a name that is not shown.
    kept: Cache<String, Option<String>>,
    first_names: FirstNames,
    rest: Rest,
}

impl NameLookup {
    /// Nothing is sent yet.
    pub fn new(homeserver: Homeserver, store: Store, reader: NameReader) -> Self {
        let server_name = homeserver.user_id().split_once(':').map_or("", |(_, server_name)| server_name).to_owned();
        let kept = Cache::builder().max_capacity(KEPT).time_to_live(LASTS).build();
        let first_names = FirstNames::new(store, reader);
        Self { homeserver, server_name, kept, first_names, rest: Rest::default() }
    }

    /// The names of the users in `texts`, the first of them. Those that Synapse does not tell in time are left out.
    pub async fn names_in<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> DisplayNames {
        let shown = self.shown_in(texts);
        let names = self.known_of(&shown).await;
        DisplayNames::new(&self.server_name, &shown, self.first_names.mark(names).await)
    }

    /// Looks the same ones up, to be kept: nobody is shown them yet.
    pub async fn learn<'a>(&self, texts: impl IntoIterator<Item = &'a str>) {
        self.known_of(&self.shown_in(texts)).await;
    }

    /// The same without a request to Synapse: those that are kept.
    pub async fn kept_names_in<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> DisplayNames {
        let shown = self.shown_in(texts);
        let (names, _) = self.kept_of(&shown).await;
        DisplayNames::new(&self.server_name, &shown, self.first_names.mark(names).await)
    }

    /// The ids that texts show, each once. The bot is known without a name.
    fn shown_in<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let mut seen = HashSet::from([self.homeserver.user_id()]);
        let mut shown = Vec::new();
        for text in texts {
            let ids = ids::places(text, &self.server_name).into_iter().map(|place| &text[place]);
            shown.extend(ids.filter(|mxid| seen.insert(*mxid)));
        }
        shown
    }

    /// What is kept of these, and what Synapse tells in time of the others.
    async fn known_of(&self, shown: &[&str]) -> Vec<(String, String)> {
        let (mut names, unknown) = self.kept_of(shown).await;
        if !unknown.is_empty() && !self.rest.goes_on() {
            names.extend(self.ask(unknown.into_iter().take(MOST)).await);
        }
        names
    }

    /// What is kept of these, and those that nothing is kept of.
    async fn kept_of(&self, shown: &[&str]) -> (Vec<(String, String)>, Vec<String>) {
        let (mut names, mut unknown) = (Vec::new(), Vec::new());
        for mxid in shown {
            match self.kept.get(*mxid).await {
                Some(Some(name)) => names.push(((*mxid).to_owned(), name)),
                Some(None) => {}
                None => unknown.push((*mxid).to_owned()),
            }
        }
        (names, unknown)
    }

    async fn ask(&self, unknown: impl Iterator<Item = String>) -> Vec<(String, String)> {
        let deadline = Instant::now() + PATIENCE;
        let ask = |mxid: String| {
            let homeserver = self.homeserver.clone();
            async move {
                let answer = homeserver.display_name(&mxid).await;
                (mxid, answer)
            }
        };
        let mut answers = stream::iter(unknown).map(ask).buffer_unordered(AT_ONCE);
        let mut names = Vec::new();
        loop {
            match timeout_at(deadline, answers.next()).await {
                Ok(Some((mxid, Ok(Some(name))))) => {
                    let name = clean(&name, &mxid, self.homeserver.user_id());
                    self.kept.insert(mxid.clone(), name.clone()).await;
                    names.extend(name.map(|name| (mxid, name)));
                }
                // An account that is not there yet may have a name in a moment.
                Ok(Some((_, Ok(None)))) => {}
                Ok(None) => return names,
                Ok(Some((_, Err(error)))) => {
                    debug!("display names are left out: {error}");
                    break;
                }
                Err(_) => {
                    debug!("display names are left out: Synapse takes too long to tell them");
                    break;
                }
            }
        }
        self.rest.begin();
        names
    }
}
