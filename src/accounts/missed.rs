//! Users that whole listings missed again: the pool is asked for each by its `sub` before one counts as deleted. A listing may
//! leave somebody out, by a late index or by a user that moves between its pages, and what follows is hard to take back.

use anyhow::{Context, Result};
use tracing::{info, warn};

use super::Server;
use crate::sources::Directory;
use crate::store::{AccountSource, SeenIn, Store};

/// So many are asked for at the end of a listing: about a minute at the pace of the pool. The others stay missed until the next.
const ASKED_AT_MOST: i64 = 1000;

/// Asks for users that may count as deleted when this listing ends. One that the pool has is recorded, and one that was not
/// asked for stays missed.
pub(super) async fn ask_for_missed(store: &Store, directory: &Directory, server: &Server, listing: i64) -> Result<()> {
    let missed = store.missed_again(listing, ASKED_AT_MOST).await.context("look which users are missing again")?;
    if missed.is_empty() {
        return Ok(());
    }
    let mut absent = Vec::new();
    for subject in missed {
        match directory.find_now(&subject).await {
            Ok(user) => match user.and_then(|user| server.seen(&user)) {
                Some(seen) => {
                    info!(subject, "the listing left out a user that the pool has");
                    let seen_in = SeenIn { listing: Some(listing), ..SeenIn::default() };
                    let recorded = store.record_accounts(&[seen], AccountSource::Pool, seen_in).await;
                    recorded.context("record a user that the listing left out")?;
                }
                None => absent.push(subject),
            },
            Err(error) => {
                warn!(subject, "a user that is missing stays, because the pool cannot be asked: {}", error.chain());
                // Trouble with the pool, and not with this user alone.
                if error.retry_after().is_some() || error.is_misconfigured() {
                    break;
                }
            }
        }
    }
    store.keep_missed(listing, &absent).await.context("keep users that the pool was not asked for")
}
