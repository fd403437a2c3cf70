//! The directory: the Cognito user pool, read through the official SDK.
//!
//! It lists and finds users and says why it cannot. It never changes the pool, never calls `AdminGetUser` (which bills the
//! user as active), and keeps nothing but the last few users it found. Every call has a time limit and keeps to a pace;
//! what fails in passing is asked once or twice more at the same pace, so the SDK's own repetitions are off.

mod error;
mod pace;
mod user;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cognitoidentityprovider::types::UserType;
use chrono::{DateTime, Utc};
use moka::future::Cache;

use self::error::PoolRequest;
use self::pace::Pace;
use crate::aws::{self, AwsFault};

pub use self::error::DirectoryError;
pub use self::user::{PoolUser, shown_name};

/// As many as Cognito gives at once.
const PAGE: i32 = 60;

/// Listings of users and groups together stay under 5 requests a second.
const LISTING_GAP: Duration = Duration::from_millis(210);

/// Single users are asked for at most 20 times a second, of the 30 requests that Cognito allows by default.
const FINDING_GAP: Duration = Duration::from_millis(50);

/// How long a user who was found is remembered: long enough for the duplicates of a message, too short to miss an
/// administrator's change for long.
const FOUND_FOR: Duration = Duration::from_secs(30);

/// How many found users are remembered: a burst of sign-ups, and a few megabytes at most.
const FOUND_AT_MOST: u64 = 10_000;

/// How often something is asked for before its failure counts, and the first pause in between.
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(300);

/// So many pages at most are read of a search, which names a user or two.
const PAGES_OF_A_SEARCH: usize = 20;

/// A throttle that asks for a longer wait than this is returned to the caller.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// The user pool. Cheap to clone; clones share their pace and what they remember.
#[derive(Clone, Debug)]
pub struct Directory {
    client: Client,
    pool: Arc<str>,
    region: Arc<str>,
    listing: Pace,
    finding: Pace,
    found: Cache<String, SearchedUser>,
    /// Pages read so far.
    pages: Arc<AtomicU64>,
}

/// A page of a listing.
#[derive(Clone, Debug, Default)]
pub struct PoolPage {
    /// The users on it.
    pub users: Vec<PoolUser>,
    /// How many more there were that lack a `sub` or a status. With any of these a listing is not complete.
    pub unreadable: usize,
    /// Where the next page begins; nothing after the last one.
    pub next: Option<String>,
}

impl PoolPage {
    fn read(users: &[UserType], next: Option<&str>) -> Self {
        let readable: Vec<PoolUser> = users.iter().filter_map(PoolUser::read).collect();
        let next = next.filter(|token| !token.is_empty()).map(str::to_owned);
        Self { unreadable: users.len() - readable.len(), users: readable, next }
    }
}

/// What the pool said of a `sub`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchedUser {
    /// Nobody where it has none.
    pub user: Option<PoolUser>,
    /// When the pool was asked, by the clock of the caller who did: another may have asked first.
    pub asked: DateTime<Utc>,
}

impl Directory {
    /// Prepares the source; the first request finds out whether it is there. `endpoint_url` is for emulators.
    pub async fn connect(region: &str, user_pool_id: &str, endpoint_url: Option<&str>) -> Self {
        Self {
            client: Client::new(&aws::load(region, endpoint_url).await),
            pool: user_pool_id.into(),
            region: region.into(),
            listing: Pace::one_every(LISTING_GAP),
            finding: Pace::one_every(FINDING_GAP),
            found: Cache::builder().max_capacity(FOUND_AT_MOST).time_to_live(FOUND_FOR).build(),
            pages: Arc::default(),
        }
    }

    /// The id of the pool.
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// A page of all users, from the beginning or from where `next` says.
    pub async fn page(&self, next: Option<&str>) -> Result<PoolPage, DirectoryError> {
        // `AttributesToGet` would keep e-mail addresses out of the answer, but Cognito refuses it when a single user lacks
        // one of the attributes.
        let request = self.client.list_users().user_pool_id(&*self.pool).limit(PAGE);
        let request = request.set_pagination_token(next.map(str::to_owned));
        let answer = self.ask(&self.listing, next.is_some(), || request.clone().send()).await?;
        Ok(self.newer_than_found(PoolPage::read(answer.users(), answer.pagination_token())).await)
    }

    /// A page of the users in a group, from the beginning or from where `next` says.
    pub async fn group_page(&self, group: &str, next: Option<&str>) -> Result<PoolPage, DirectoryError> {
        let request = self.client.list_users_in_group().user_pool_id(&*self.pool).group_name(group).limit(PAGE);
        let request = request.set_next_token(next.map(str::to_owned));
        let answer = self.ask(&self.listing, next.is_some(), || request.clone().send()).await;
        match answer {
            Ok(answer) => Ok(self.newer_than_found(PoolPage::read(answer.users(), answer.next_token())).await),
            // The code is the same for a missing pool and a missing group, and the words are nobody's promise.
            Err(DirectoryError::NoSuchPool { fault, .. }) if self.exists().await? => {
                Err(DirectoryError::NoSuchGroup { group: group.to_owned(), fault })
            }
            Err(error) => Err(error),
        }
    }

    /// Forgets what was found before of everybody on a page: the page has the newer word, and a duplicate of a message must not
    /// undo an offboarding by an older one.
    async fn newer_than_found(&self, page: PoolPage) -> PoolPage {
        self.pages.fetch_add(1, Ordering::SeqCst);
        for user in &page.users {
            self.found.invalidate(&user.subject).await;
        }
        page
    }

    /// The user with this `sub`; `asked` is the time by the caller's clock. Callers that ask for one `sub` at the same time share
    /// a request, and are told when it was made. A user who was found is remembered for half a minute, or until a page brings
    /// them; an absent one is not, because Cognito's listings run a little late.
    pub async fn find(&self, subject: &str, asked: DateTime<Utc>) -> Result<SearchedUser, DirectoryError> {
        let pages = self.pages.load(Ordering::SeqCst);
        let found = self.find_or_remember(subject, asked).await;
        // A page that came meanwhile may have brought them, and the answer is older perhaps.
        if self.pages.load(Ordering::SeqCst) != pages {
            self.found.invalidate(subject).await;
        }
        found
    }

    async fn find_or_remember(&self, subject: &str, asked: DateTime<Utc>) -> Result<SearchedUser, DirectoryError> {
        let found = self.found.try_get_with_by_ref(subject, async {
            let user = self.search_one(subject).await.map_err(NotFound::Failed)?;
            if user.is_some() { Ok(SearchedUser { user, asked }) } else { Err(NotFound::Absent(asked)) }
        });
        match found.await.map_err(Arc::unwrap_or_clone) {
            Ok(found) => Ok(found),
            Err(NotFound::Absent(asked)) => Ok(SearchedUser { user: None, asked }),
            Err(NotFound::Failed(error)) => Err(error),
        }
    }

    /// The user with this `sub`, if they were found a moment ago: other processes may have heard a newer word since.
    pub async fn remembered(&self, subject: &str) -> Option<PoolUser> {
        self.found.get(subject).await?.user
    }

    /// Has the pool asked for this `sub` at the next [`Directory::find`].
    pub async fn forget(&self, subject: &str) {
        self.found.invalidate(subject).await;
    }

    /// The user with this `sub` as the pool has them at this moment, past what is remembered; that is replaced by the answer.
    /// `asked` is the time by the caller's clock.
    pub async fn find_now(&self, subject: &str, asked: DateTime<Utc>) -> Result<Option<PoolUser>, DirectoryError> {
        let user = self.search_one(subject).await?;
        if user.is_some() {
            self.found.insert(subject.to_owned(), SearchedUser { user: user.clone(), asked }).await;
        } else {
            self.found.invalidate(subject).await;
        }
        Ok(user)
    }

    async fn search_one(&self, subject: &str) -> Result<Option<PoolUser>, DirectoryError> {
        Ok(self.search("sub", subject).await?.into_iter().find(|user| user.subject == subject))
    }

    /// The users with this e-mail address, for commands. The address is neither logged nor kept.
    pub async fn find_by_email(&self, email: &str) -> Result<Vec<PoolUser>, DirectoryError> {
        self.search("email", email).await
    }

    /// The users with this value, on whatever page: Cognito may give an empty page that others follow. A user that cannot be read
    /// is an error, not an absence.
    async fn search(&self, attribute: &str, value: &str) -> Result<Vec<PoolUser>, DirectoryError> {
        let request = self.client.list_users().user_pool_id(&*self.pool).filter(filter(attribute, value));
        let (mut users, mut next) = (Vec::new(), None);
        for _ in 0..PAGES_OF_A_SEARCH {
            let from_token = next.is_some();
            let request = request.clone().set_pagination_token(next);
            let answer = self.ask(&self.finding, from_token, || request.clone().send()).await?;
            let page = PoolPage::read(answer.users(), answer.pagination_token());
            if page.unreadable > 0 {
                return Err(DirectoryError::Unclear("a user in its answer has no sub or no status"));
            }
            users.extend(page.users);
            next = page.next;
            // A sub is one user's alone.
            if next.is_none() || (attribute == "sub" && !users.is_empty()) {
                return Ok(users);
            }
        }
        Err(DirectoryError::Unclear("its answer goes on without end"))
    }

    async fn exists(&self) -> Result<bool, DirectoryError> {
        let request = self.client.list_users().user_pool_id(&*self.pool).limit(1);
        match self.ask(&self.listing, false, || request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(DirectoryError::NoSuchPool { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends a request at the pace, and again after a passing failure.
    async fn ask<T, E, F>(&self, pace: &Pace, from_token: bool, call: impl Fn() -> F) -> Result<T, DirectoryError>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: ProvideErrorMetadata + Error + 'static,
    {
        let asked = PoolRequest { pool: &self.pool, region: &self.region, from_token };
        let (mut attempts, mut pause) = (1, FIRST_PAUSE);
        loop {
            pace.wait().await;
            // A call of the SDK is so large that a future with several of them overflows the stack of a thread.
            let error = match aws::quiet(Box::pin(call())).await {
                Ok(answer) => return Ok(answer),
                Err(error) => asked.failed(AwsFault::from(error)),
            };
            match error.retry_after() {
                Some(wait) if attempts < ATTEMPTS && wait <= LONGEST_PAUSE => {
                    tokio::time::sleep(wait.max(pause)).await;
                }
                _ => return Err(error),
            }
            attempts += 1;
            pause *= 2;
        }
    }
}

/// Why [`Directory::find`] has nobody to remember.
#[derive(Clone, Debug)]
enum NotFound {
    /// When the pool was asked.
    Absent(DateTime<Utc>),
    Failed(DirectoryError),
}

/// An exact match in Cognito's filter language.
fn filter(attribute: &str, value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{attribute} = \"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_get_out_of_its_quotes() {
        assert_eq!(filter("sub", "a\" or \\"), r#"sub = "a\" or \\""#);
    }
}
