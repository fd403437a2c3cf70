//! Pictures that are being fetched, a few at once, each a task of its own: a host that is slow, or never answers, makes nobody wait
//! but those whose picture it has.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};

use crate::pictures::{FetchError, FetchedPicture, PictureFetcher, RemotePicture};

/// Fetched at once, and kept until they are given: 2 MiB each at the most. From one host half of them.
const AT_ONCE: usize = 4;
const OF_ONE_HOST: usize = AT_ONCE / 2;

/// A host that did not answer is left alone for so long, for all users with pictures there.
const REST: Duration = Duration::from_secs(30);

/// What came of fetching a picture.
pub(crate) type Fetched = Arc<Result<FetchedPicture, FetchError>>;

/// One that has come to its end.
#[derive(Debug)]
struct EndedFetch {
    source: String,
    host: String,
    fetched: Result<FetchedPicture, FetchError>,
}

/// Pictures under way, and those that are there and not given yet, by their address without what signs it.
#[derive(Debug)]
pub(crate) struct Fetches {
    fetcher: Option<PictureFetcher>,
    tasks: JoinSet<EndedFetch>,
    /// With the host of each.
    under_way: HashMap<String, String>,
    ended: HashMap<String, Fetched>,
    /// Until when a host is left alone.
    resting: HashMap<String, Instant>,
}

impl Fetches {
    pub(crate) fn new(fetcher: Option<PictureFetcher>) -> Self {
        Self {
            fetcher,
            tasks: JoinSet::new(),
            under_way: HashMap::new(),
            ended: HashMap::new(),
            resting: HashMap::new(),
        }
    }

    /// Begins to fetch a picture, unless it is being fetched or there, or too many are, or its host is left alone.
    pub(crate) fn begin(&mut self, picture: &RemotePicture, now: Instant) {
        let (source, host) = (picture.source(), picture.host());
        if !self.may_begin(&source, host, now) {
            return;
        }
        let Some(fetcher) = self.fetcher.clone() else { return };
        self.under_way.insert(source.clone(), host.to_owned());
        let (picture, host) = (picture.clone(), host.to_owned());
        self.tasks.spawn(async move { EndedFetch { source, host, fetched: fetcher.fetch(&picture).await } });
    }

    fn may_begin(&self, source: &str, host: &str, now: Instant) -> bool {
        let of_host = self.under_way.values().filter(|its| *its == host).count();
        !self.under_way.contains_key(source)
            && !self.ended.contains_key(source)
            && self.under_way.len() + self.ended.len() < AT_ONCE
            && of_host < OF_ONE_HOST
            && !self.is_resting(host, now)
    }

    /// Whether a host is left alone.
    pub(crate) fn is_resting(&self, host: &str, now: Instant) -> bool {
        self.resting.get(host).is_some_and(|until| *until > now)
    }

    /// What came of fetching a picture, where it has come to its end.
    pub(crate) fn ended(&mut self, source: &str) -> Option<Fetched> {
        while let Some(ended) = self.tasks.try_join_next() {
            self.take(ended);
        }
        self.ended.get(source).cloned()
    }

    /// Whether any is under way.
    pub(crate) fn any(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// The picture was given, or could not be.
    pub(crate) fn forget(&mut self, source: &str) {
        self.ended.remove(source);
    }

    /// Forgets what is there and was not given: perhaps nobody should have it any more.
    pub(crate) fn forget_ended(&mut self) {
        self.ended.clear();
    }

    /// Waits until one comes to its end; for ever where none is under way.
    pub(crate) async fn one_ends(&mut self) {
        match self.tasks.join_next().await {
            Some(ended) => self.take(ended),
            None => std::future::pending().await,
        }
    }

    fn take(&mut self, ended: Result<EndedFetch, JoinError>) {
        let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let EndedFetch { source, host, fetched } = ended;
        self.under_way.remove(&source);
        if matches!(fetched, Err(FetchError::TimedOut { .. } | FetchError::Unreachable { .. })) {
            self.resting.insert(host, Instant::now() + REST);
        } else {
            self.resting.remove(&host);
        }
        self.ended.insert(source, Arc::new(fetched));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::{NamedPicture, PictureNames, Surroundings};

    fn picture(host: &str, name: &str) -> RemotePicture {
        let names = PictureNames::new("phenom.test", [host.to_owned()]);
        match names.named(&format!("https://{host}/{name}")) {
            NamedPicture::Remote(picture) => picture,
            other => panic!("{other:?}"),
        }
    }

    /// Every look-up hangs, as a host does that takes a connection and says nothing.
    fn hanging() -> Fetches {
        let surroundings =
            Surroundings { look_up: Arc::new(|_| Box::pin(std::future::pending())), ..Surroundings::default() };
        Fetches::new(Some(PictureFetcher::new(surroundings).unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_hangs_takes_half_of_the_places_and_is_then_left_alone() {
        let (mut fetches, now) = (hanging(), Instant::now());
        for name in ["a", "b", "c", "d", "e"] {
            fetches.begin(&picture("slow.test", name), now);
        }
        assert_eq!(fetches.under_way.len(), OF_ONE_HOST);
        fetches.begin(&picture("other.test", "a"), now);
        assert_eq!(fetches.under_way.len(), OF_ONE_HOST + 1, "others have their places");
        assert!(fetches.ended("https://slow.test/a").is_none(), "nobody waits for it");
        for _ in 0..=OF_ONE_HOST {
            fetches.one_ends().await;
        }
        let ended = fetches.ended("https://slow.test/a").unwrap();
        assert!(matches!(&*ended, Err(FetchError::TimedOut { host }) if host == "slow.test"), "{ended:?}");
        fetches.forget_ended();
        let now = Instant::now();
        fetches.begin(&picture("slow.test", "c"), now);
        assert!(fetches.is_resting("slow.test", now) && fetches.under_way.is_empty());
        fetches.begin(&picture("slow.test", "c"), now + REST);
        assert_eq!(fetches.under_way.len(), 1);
    }
}
