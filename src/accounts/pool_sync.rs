//! Pool sync: keeps the account store up to date with the pool. Lists the pool on its interval, reads groups more often,
//! and looks up single people as the roster names them. Only the replica that reconciles does it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use provisioner_policy::UnknownSubject;
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

/// How often to look whether a listing is due. A `backfill` beside the service may have begun one and left it, and until one is
/// whole nobody is removed for the pool's sake.
const LOOK: Duration = Duration::from_secs(60);

/// How long another process may have the right to list before that is told, and between two times.
const TOLD: Duration = Duration::from_secs(5 * 60);

/// What to keep, and how often.
#[derive(Debug)]
pub struct PoolSync {
    pub accounts: Confirmer,
    pub directory: Directory,
    /// Groups that selectors name.
    pub groups: Vec<String>,
    pub listing_interval: Duration,
    /// Subjects that are named and that nobody has confirmed yet.
    pub unknown: watch::Receiver<Vec<UnknownSubject>>,
}

impl PoolSync {
    /// Keeps the store until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let Self { accounts, directory, groups, listing_interval, unknown } = &self;
        let listing = async {
            let mut elsewhere = ListedElsewhere::default();
            loop {
                // A new lead goes on with what the one before it has.
                let next = match rest(accounts, *listing_interval).await {
                    Ok(rest) if !rest.is_zero() => {
                        elsewhere = ListedElsewhere::default();
                        rest
                    }
                    Ok(_) => list(accounts, directory, *listing_interval, &mut elsewhere, &stop).await,
                    Err(error) => {
                        warn!("when the pool was listed last cannot be told: {}", told(error.as_ref()));
                        AGAIN.min(*listing_interval)
                    }
                };
                tokio::time::sleep(next.min(LOOK)).await;
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
    let age = accounts.store.listing_age().await.context("look at the last listing of the pool")?;
    Ok(age.map_or(Duration::ZERO, |age| interval.saturating_sub(age)))
}

/// Lists the pool, which is due; returns when to look again.
async fn list(
    accounts: &Confirmer,
    directory: &Directory,
    interval: Duration,
    elsewhere: &mut ListedElsewhere,
    stop: &CancellationToken,
) -> Duration {
    let lock = match accounts.store.try_list().await {
        Ok(Some(lock)) => lock,
        Ok(None) => {
            if let Some(minutes) = elsewhere.once_more(Instant::now()) {
                warn!(
                    "another process has had the right to list the pool for {minutes} min, and users that were disabled or deleted \
                     are not found meanwhile; look for a `backfill` that still runs, and end it where it shows no progress"
                );
            }
            return AGAIN;
        }
        Err(error) => {
            warn!("the pool cannot be listed now: {error}");
            return AGAIN;
        }
    };
    *elsewhere = ListedElsewhere::default();
    let listed = list_pool(&accounts.store, directory, &accounts.server, &lock, stop, |_| {}).await;
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
        Err(error @ ListingError::Lost) => {
            warn!("{error}");
            AGAIN.min(interval)
        }
        Err(error) => {
            let error = anyhow::Error::from(error);
            warn!("the pool was not listed to its end, nobody counts as missing for it: {}", told(error.as_ref()));
            AGAIN.min(interval)
        }
    }
}

/// Since when another process has had the right to list, each time that it was asked for, and when that was told last.
#[derive(Debug, Default)]
struct ListedElsewhere(Option<(Instant, Instant)>);

impl ListedElsewhere {
    /// Another process has it. Returns for how many minutes already, where that is to be told.
    fn once_more(&mut self, now: Instant) -> Option<u64> {
        let (since, told) = self.0.get_or_insert((now, now));
        if now.duration_since(*told) < TOLD {
            return None;
        }
        *told = now;
        Some(now.duration_since(*since).as_secs() / 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_to_list_that_stays_elsewhere_is_told_every_five_minutes() {
        let (mut elsewhere, begun) = (ListedElsewhere::default(), Instant::now());
        let asked = (0..=24).map(|times| begun + AGAIN * times);
        let told: Vec<u64> = asked.filter_map(|now| elsewhere.once_more(now)).collect();
        assert_eq!(told, [5, 10]);
    }
}
