//! Groups that selectors name, each read whole or not at all.

use std::time::Duration;

use anyhow::{Context, Result};
use tracing::{instrument, warn};

use super::Server;
use crate::sources::Directory;
use crate::store::{AccountSource, SeenAccount, SeenIn, Store};

/// Before a group is asked about again that has lost somebody. A group is written member by member, and an answer may be stale:
/// who is missing from two readings has left it.
const ASKED_AGAIN: Duration = Duration::from_secs(5);

/// Reads every group that selectors name, and forgets the others.
pub async fn keep_groups(store: &Store, directory: &Directory, server: &Server, groups: &[String]) -> Result<()> {
    store.keep_groups(groups).await.context("forget groups that no selector names")?;
    let lost = read(store, directory, server, groups, Losses::LeftOut).await?;
    if !lost.is_empty() {
        tokio::time::sleep(ASKED_AGAIN).await;
        read_groups(store, directory, server, &lost).await?;
    }
    Ok(())
}

/// Reads these groups as they are now: somebody who may command no longer may not for another moment.
pub async fn read_groups(store: &Store, directory: &Directory, server: &Server, groups: &[String]) -> Result<()> {
    read(store, directory, server, groups, Losses::Recorded).await.map(drop)
}

/// What becomes of a reading that lacks somebody who was in the group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Losses {
    Recorded,
    LeftOut,
}

/// Reads these groups. One that cannot be read keeps its members and is marked, and the others are read all the same. Returns
/// those whose readings were left out.
#[instrument(name = "pool.groups", skip_all)]
async fn read(
    store: &Store,
    directory: &Directory,
    server: &Server,
    groups: &[String],
    losses: Losses,
) -> Result<Vec<String>> {
    let mut lost = Vec::new();
    for group in groups {
        let asked = store.now().await.context("read the database's clock")?;
        match members(store, directory, server, group).await? {
            Ok(user_ids) if losses == Losses::LeftOut && store.has_others_in_group(group, &user_ids).await? => {
                lost.push(group.clone());
            }
            Ok(user_ids) => store.record_group(group, &user_ids, asked).await.context("record a group")?,
            Err(trouble) => {
                warn!(group, "the group cannot be listed: {trouble}");
                store.trouble_group(group, &trouble).await.context("note the trouble with a group")?;
            }
        }
    }
    Ok(lost)
}

/// The members of a group, or why it could not be read. They are users of the pool, so their accounts are recorded too.
async fn members(
    store: &Store,
    directory: &Directory,
    server: &Server,
    group: &str,
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
            .record_accounts(&seen, AccountSource::Pool, SeenIn::default())
            .await
            .context("record members of a group")?;
        user_ids.extend(page.users.iter().filter_map(|user| server.mxid(&user.subject).ok()));
        match page.next {
            Some(token) => next = Some(token),
            None => return Ok(Ok(user_ids)),
        }
    }
}
