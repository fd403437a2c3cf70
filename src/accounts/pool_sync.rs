//! Pool sync: keeps the account store up to date with the pool. Lists the pool on its interval, reads groups more often,
//! and looks up single people as the roster names them. Only the replica that reconciles does it.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::confirm::Confirmer;
use super::groups::keep_groups;
use super::listing::{ListingError, list_pool};
use super::lookups::look_up;
use crate::causes::told;
use crate::sources::Directory;

/// Groups are small and say who is an administrator: they are read at least so often.
const GROUPS_INTERVAL: Duration = Duration::from_secs(60);

/// Before a listing that failed, or that somebody else is making, is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// What to keep, and how often.
#[derive(Debug)]
pub struct PoolSync {
    pub accounts: Confirmer,
    pub directory: Directory,
    /// Groups that selectors name.
    pub groups: Vec<String>,
    pub listing_interval: Duration,
    /// Subjects that are named and that nobody has confirmed yet.
    pub unknown: watch::Receiver<Vec<String>>,
}

impl PoolSync {
    /// Keeps the store until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let Self { accounts, directory, groups, listing_interval, unknown } = &self;
        let listing = async {
            // A new lead goes on with what the one before it has.
            match rest(accounts, *listing_interval).await {
                Ok(rest) => tokio::time::sleep(rest).await,
                Err(error) => warn!("when the pool was listed last cannot be told: {}", told(error.as_ref())),
            }
            loop {
                let next = list(accounts, directory, *listing_interval, &stop).await;
                tokio::time::sleep(next).await;
            }
        };
        let reading_groups = async {
            loop {
                if let Err(error) = keep_groups(&accounts.store, directory, &accounts.server, groups).await {
                    warn!("the groups of the pool cannot be kept: {}", told(error.as_ref()));
                }
                tokio::time::sleep(GROUPS_INTERVAL.min(*listing_interval)).await;
            }
        };
        let working = async { tokio::join!(listing, reading_groups, look_up(accounts, unknown.clone())) };
        stop.run_until_cancelled(working).await;
    }
}

/// How long until the next listing is due. Now, where the newest one is not whole.
async fn rest(accounts: &Confirmer, interval: Duration) -> Result<Duration> {
    let newest = accounts.store.last_listing().await.context("look at the last listing of the pool")?;
    let Some(completed) = newest.and_then(|listing| listing.completed_at) else { return Ok(Duration::ZERO) };
    let age = accounts.store.now().await.context("read the database's clock")? - completed;
    // A listing of the future is no reason to wait for longer than usual.
    Ok(interval.saturating_sub(age.to_std().unwrap_or_default()))
}

/// Lists the pool when that is due; returns when to look again.
async fn list(accounts: &Confirmer, directory: &Directory, interval: Duration, stop: &CancellationToken) -> Duration {
    let lock = match accounts.store.try_list().await {
        Ok(Some(lock)) => lock,
        Ok(None) => return AGAIN,
        Err(error) => {
            warn!("the pool cannot be listed now: {error}");
            return AGAIN;
        }
    };
    let listed = list_pool(&accounts.store, directory, &accounts.server, stop, |_| {}).await;
    lock.release().await;
    match listed {
        Ok(listed) => {
            info!(
                pages = listed.pages,
                users = listed.users,
                changed = listed.changed,
                missed = listed.missed,
                deleted = listed.deleted,
                "the pool was listed"
            );
            interval
        }
        Err(ListingError::Stopped) => interval,
        Err(error) => {
            let error = anyhow::Error::from(error);
            warn!("the pool was not listed to its end, nobody counts as missing for it: {}", told(error.as_ref()));
            AGAIN.min(interval)
        }
    }
}
