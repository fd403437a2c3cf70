//! The listing of the whole pool: page by page into the store, going on where it was after a throttle, a failure or a
//! restart. It is whole only when every page was read and every user on it could be.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::{TimeDelta, Utc};
use provisioner_policy::how_many;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tracing::{info, instrument, warn};

use super::Server;
use super::missed::ask_for_missed;
use crate::delays::{Delays, Doubling};
use crate::sources::{Directory, DirectoryError};
use crate::store::{AccountSource, Listing, ListingLock, SeenAccount, SeenIn, Store};

/// An interrupted listing that is older is not resumed: Cognito's tokens live for a limited time, and its first pages are
/// out of date by then.
const RESUMABLE: TimeDelta = TimeDelta::minutes(30);

/// The pauses after a page that failed.
const PAUSES: Doubling = Doubling { first: Duration::from_secs(2), longest: Duration::from_secs(60) };

/// How far a listing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListedSoFar {
    pub pages: u64,
    pub users: u64,
    /// Users in the last whole listing, where there was one: about as many as there will be.
    pub expected: Option<u64>,
}

/// What a whole listing found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub pages: u64,
    pub users: u64,
    /// New or changed.
    pub changed: u64,
    /// Known before and not named by this listing. Two listings in a row without a user, and a pool that then does not know its
    /// `sub`, mean that it is deleted.
    pub missed: u64,
    pub deleted: u64,
}

/// Why a listing ended without being whole.
#[derive(Debug, Error)]
pub enum ListingError {
    #[error("the listing was stopped; the next one goes on where it was")]
    Stopped,
    #[error(
        "the right to list the pool was lost with its database connection, and another process may have it; the listing goes on \
         there, or with the next `phenom-provisioner backfill`"
    )]
    Lost,
    #[error("the pool cannot be listed")]
    Pool(#[source] DirectoryError),
    #[error(
        "the pool listed nobody, and {known} accounts are known: that is not believed. Check cognito.user_pool_id; if the \
         pool really is empty, nobody can sign in and nothing needs to be done"
    )]
    Empty { known: i64 },
    #[error(
        "this database belongs to another user pool than {pool} by now; restart with the configuration that names the one of \
         provisioner.stamp"
    )]
    Moved { pool: String },
    #[error("{0:#}")]
    Database(#[from] anyhow::Error),
}

/// Lists the pool to its end, for as long as `right` is kept. Passing trouble is waited for; `progress` is told of each page.
#[instrument(name = "pool.list", skip_all)]
pub async fn list_pool(
    store: &Store,
    directory: &Directory,
    server: &Server,
    right: &ListingLock,
    stop: &CancellationToken,
    progress: impl FnMut(ListedSoFar),
) -> Result<Listed, ListingError> {
    // In a box: the futures of the AWS SDK are large, and builds for development keep one for each place that it passes.
    let listing = Box::pin(list(store, directory, server, stop, progress));
    // Whatever it was at: another process may be at the same listing, and its trouble is not ours to tell.
    right.lost().run_until_cancelled(listing).await.unwrap_or(Err(ListingError::Lost))
}

async fn list(
    store: &Store,
    directory: &Directory,
    server: &Server,
    stop: &CancellationToken,
    mut progress: impl FnMut(ListedSoFar),
) -> Result<Listed, ListingError> {
    let expected = store.last_whole_listing().await.context("look at the last whole listing")?;
    let expected = expected.and_then(|listing| u64::try_from(listing.users).ok());
    let mut listing = begin(store, directory).await?;
    let (mut changed, mut pauses, mut restarts) = (0, PAUSES.delays(), Restarts::default());
    loop {
        if listing.pages > 0 && listing.next_token.is_none() {
            refuse_if_empty(store, &listing).await?;
            let asking = ask_for_missed(store, directory, server, listing.id);
            stop.run_until_cancelled(asking).await.ok_or(ListingError::Stopped)??;
            let (missed, deleted) = store.complete_listing(listing.id).await.context("end the listing")?;
            let (pages, users) = so_far(&listing);
            return Ok(Listed { pages, users, changed, missed, deleted });
        }
        let asked = store.now().await.context("read the database's clock")?;
        let page = stop.run_until_cancelled(directory.page(listing.next_token.as_deref())).await;
        let page = match page.ok_or(ListingError::Stopped)? {
            Ok(page) if page.unreadable == 0 => page,
            Ok(page) => {
                // These users may be any: no other user may count as missing.
                let users = how_many(page.unreadable, "user", "users");
                let trouble = format!("{users} on a page of the pool's listing cannot be read");
                stumble(store, &listing, &trouble, pauses.next_delay(), stop).await?;
                continue;
            }
            Err(DirectoryError::BadToken(_)) => {
                info!("the pool does not go on where the listing was; it begins anew");
                listing = begin_anew(store, directory).await?;
                if let Some((trouble, pause)) = restarts.once_more() {
                    stumble(store, &listing, trouble, pause, stop).await?;
                }
                continue;
            }
            Err(error) if error.is_misconfigured() => {
                store.trouble_listing(listing.id, &error.chain()).await.context("note the trouble")?;
                return Err(ListingError::Pool(error));
            }
            Err(error) => {
                stumble(store, &listing, &error.chain(), pauses.next_delay(), stop).await?;
                continue;
            }
        };
        pauses.reset();
        let seen: Vec<SeenAccount> = page.users.iter().filter_map(|user| server.seen(user)).collect();
        let seen_in = SeenIn { listing: Some(listing.id), ..SeenIn::default() };
        let recorded = store.record_accounts(&seen, AccountSource::Pool, seen_in, asked).await;
        changed += recorded.context("record a page of the pool's listing")?;
        let users = i64::try_from(page.users.len()).unwrap_or(i64::MAX);
        let advanced = store.advance_listing(listing.id, users, page.next.as_deref(), restarts.trouble());
        advanced.await.context("note how far the listing is")?;
        listing.pages += 1;
        listing.users += users;
        listing.next_token = page.next;
        let (pages, users) = so_far(&listing);
        progress(ListedSoFar { pages, users, expected });
    }
}

/// Pages and users.
fn so_far(listing: &Listing) -> (u64, u64) {
    (u64::try_from(listing.pages).unwrap_or(0), u64::try_from(listing.users).unwrap_or(0))
}

/// How often a listing began anew because the pool did not take its place. Once is what becomes of old places; again and
/// again is trouble that lasts until a listing is whole, however many pages each gets.
struct Restarts {
    count: u32,
    pauses: Delays,
}

impl Default for Restarts {
    fn default() -> Self {
        Self { count: 0, pauses: PAUSES.delays() }
    }
}

impl Restarts {
    /// Counts one more. What to say of it and how long to wait, where it is not the first.
    fn once_more(&mut self) -> Option<(&'static str, Duration)> {
        self.count += 1;
        Some((self.trouble()?, self.pauses.next_delay()))
    }

    fn trouble(&self) -> Option<&'static str> {
        (self.count > 1)
            .then_some("the pool again and again refuses to go on in the middle of its listing, which begins anew")
    }
}

/// Goes on with a listing that was interrupted lately, or begins one.
async fn begin(store: &Store, directory: &Directory) -> Result<Listing, ListingError> {
    let last = store.last_listing().await.context("look at the last listing")?;
    match last.filter(|last| last.completed_at.is_none() && Utc::now() - last.updated_at < RESUMABLE) {
        // Without a token all pages were read, and the missing were being asked for.
        Some(last) if last.next_token.is_some() || last.users > 0 => {
            info!(pages = last.pages, users = last.users, "the listing of the pool goes on where it was");
            Ok(last)
        }
        _ => begin_anew(store, directory).await,
    }
}

/// Begins a listing, unless the deployment has moved to another pool while this process runs: what this pool says would count as
/// the word of that one.
async fn begin_anew(store: &Store, directory: &Directory) -> Result<Listing, ListingError> {
    if !store.belongs_to_pool(directory.pool()).await.context("look which pool the database belongs to")? {
        return Err(ListingError::Moved { pool: directory.pool().to_owned() });
    }
    Ok(store.begin_listing().await.context("begin a listing of the pool")?)
}

async fn stumble(
    store: &Store,
    listing: &Listing,
    trouble: &str,
    pause: Duration,
    stop: &CancellationToken,
) -> Result<(), ListingError> {
    warn!(pages = listing.pages, "the pool's listing waits {} s: {trouble}", pause.as_secs());
    store.trouble_listing(listing.id, trouble).await.context("note the trouble")?;
    let until = Instant::now() + pause;
    stop.run_until_cancelled(tokio::time::sleep_until(until.into())).await.ok_or(ListingError::Stopped)
}

/// An empty listing would delete every account: it is not believed.
async fn refuse_if_empty(store: &Store, listing: &Listing) -> Result<(), ListingError> {
    if listing.users > 0 {
        return Ok(());
    }
    let known = store.count_open_accounts().await.context("count the accounts")?;
    if known == 0 {
        return Ok(());
    }
    let error = ListingError::Empty { known };
    store.trouble_listing(listing.id, &error.to_string()).await.context("note the trouble")?;
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_refused_again_and_again_is_trouble_that_lasts() {
        let mut restarts = Restarts::default();
        assert_eq!((restarts.once_more(), restarts.trouble()), (None, None), "an old place is nobody's fault");
        let pauses: Vec<u64> = (0..7).filter_map(|_| Some(restarts.once_more()?.1.as_secs())).collect();
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
        assert!(restarts.trouble().is_some(), "whatever pages are read meanwhile");
    }
}
