//! Users that whole listings missed again: the pool is asked for each by its `sub` before one counts as deleted. A listing may
//! leave somebody out, by a late index or by a user that moves between its pages, and what follows is hard to take back.

use anyhow::{Context, Result};
use tracing::{info, warn};

use super::Server;
use crate::sources::Directory;
use crate::store::{AccountSource, SeenIn, Store};

/// So many are asked for at the end of a listing: about a minute at the pace of the pool. The others stay missed until the next.
const ASKED_AT_MOST: i64 = 1000;

/// Asks for users that may count as deleted when this listing ends: those do that the pool does not have. One that it has is
/// recorded; one that it has in no state that makes an account stays missed, and so does one that was not asked for.
pub(super) async fn ask_for_missed(store: &Store, directory: &Directory, server: &Server, listing: i64) -> Result<()> {
    let missed = store.missed_again(listing, ASKED_AT_MOST).await.context("look which users are missing again")?;
    if missed.is_empty() {
        return Ok(());
    }
    let mut absent = Vec::new();
    for subject in missed {
        let asked = store.now().await.context("read the database's clock")?;
        match directory.find_now(&subject, asked).await {
            Ok(None) => absent.push(subject),
            Ok(Some(user)) => match server.seen(&user) {
                Some(seen) => {
                    info!(subject, "the listing left out a user that the pool has");
                    let seen_in = SeenIn { listing: Some(listing), ..SeenIn::default() };
                    let recorded = store.record_accounts(&[seen], AccountSource::Pool, seen_in, asked).await;
                    recorded.context("record a user that the listing left out")?;
                }
                None => warn!(
                    subject,
                    status = user.status,
                    "a user that is missing stays, because the pool has it, though in no state that makes an account; look \
                     at it there"
                ),
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
