//! Groups that selectors name, each read whole or not at all.

use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use tracing::{instrument, warn};

use super::Server;
use crate::sources::Directory;
use crate::store::{AccountSource, Leavers, SeenAccount, SeenIn, Store};

/// Before a group is asked about again that has lost somebody. A group is written member by member, and an answer may be stale:
/// who is missing from two readings has left it.
const ASKED_AGAIN: Duration = Duration::from_secs(5);

/// A group as the pool had it.
#[derive(Debug)]
pub struct GroupReading {
    name: String,
    user_ids: Vec<String>,
    /// By the database's clock, right before the pool was asked.
    asked: DateTime<Utc>,
}

/// Reads every group that selectors name, and forgets the others. Who is missing from one reading alone keeps their place.
#[instrument(name = "pool.groups", skip_all)]
pub async fn keep_groups(store: &Store, directory: &Directory, server: &Server, groups: &[String]) -> Result<()> {
    store.keep_groups(groups).await.context("forget groups that no selector names")?;
    let mut lossy = Vec::new();
    for group in groups {
        let Some(first) = read(store, directory, server, group).await? else { continue };
        if store.has_others_in_group(group, &first.user_ids).await? {
            lossy.push(first);
        } else {
            record(store, &first, Leavers::AllBut(&[])).await?;
        }
    }
    if lossy.is_empty() {
        return Ok(());
    }
    tokio::time::sleep(ASKED_AGAIN).await;
    for first in &lossy {
        if let Some(second) = read(store, directory, server, &first.name).await? {
            record(store, &second, Leavers::AllBut(&first.user_ids)).await?;
        }
    }
    Ok(())
}

/// Reads these groups as they are now, for `user_ids` alone: somebody who may command no longer may not for another moment. Who
/// else is missing keeps their place until [`keep_groups`] reads. Returns what was read: of each group, or of fewer where some
/// could not be read.
#[instrument(name = "pool.groups", skip_all)]
pub async fn read_groups(
    store: &Store,
    directory: &Directory,
    server: &Server,
    groups: &[String],
    user_ids: &[String],
) -> Result<Vec<GroupReading>> {
    let mut readings = Vec::new();
    for group in groups {
        // Where a reading that was begun later stands, this one is not heard, and that one may have kept them.
        while let Some(reading) = read(store, directory, server, group).await? {
            if record(store, &reading, Leavers::Only(user_ids)).await? {
                readings.push(reading);
                break;
            }
        }
    }
    Ok(readings)
}

/// Lets what was read a moment ago count for these users, too. False where a group was read again since, or could not be.
pub async fn record_again(store: &Store, readings: &[GroupReading], user_ids: &[String]) -> Result<bool> {
    for reading in readings {
        if !record(store, reading, Leavers::Only(user_ids)).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns whether the reading counts.
async fn record(store: &Store, reading: &GroupReading, leavers: Leavers<'_>) -> Result<bool> {
    let GroupReading { name, user_ids, asked } = reading;
    store.record_group(name, user_ids, leavers, *asked).await.context("record a group")
}

/// One reading of a group. One that cannot be read keeps its members and is marked: `None`.
async fn read(store: &Store, directory: &Directory, server: &Server, group: &str) -> Result<Option<GroupReading>> {
    let asked = store.now().await.context("read the database's clock")?;
    match members(store, directory, server, group, asked).await? {
        Ok(user_ids) => Ok(Some(GroupReading { name: group.to_owned(), user_ids, asked })),
        Err(trouble) => {
            warn!(group, "the group cannot be listed: {trouble}");
            store.trouble_group(group, &trouble).await.context("note the trouble with a group")?;
            Ok(None)
        }
    }
}

/// The members of a group, or why it could not be read. They are users of the pool, so their accounts are recorded too, as of the
/// time when the first page was `asked` for.
async fn members(
    store: &Store,
    directory: &Directory,
    server: &Server,
    group: &str,
    asked: DateTime<Utc>,
) -> Result<Result<Vec<String>, String>> {
    let (mut user_ids, mut next) = (Vec::new(), None);
    loop {
        let page = match directory.group_page(group, next.as_deref()).await {
            Ok(page) if page.unreadable == 0 => page,
            Ok(page) => return Ok(Err(format!("{} of its members cannot be read", page.unreadable))),
            Err(error) => return Ok(Err(error.chain())),
        };
        let seen: Vec<SeenAccount> = page.users.iter().filter_map(|user| server.seen(user)).collect();
        store
            .record_accounts(&seen, AccountSource::Pool, SeenIn::default(), asked)
            .await
            .context("record members of a group")?;
        user_ids.extend(page.users.iter().filter_map(|user| server.mxid(&user.subject).ok()));
        match page.next {
            Some(token) => next = Some(token),
            None => return Ok(Ok(user_ids)),
        }
    }
}
