//! Groups that selectors name, each read whole or not at all.

use anyhow::{Context, Result};
use tracing::{instrument, warn};

use super::Server;
use crate::sources::{Directory, DirectoryError};
use crate::store::Store;

/// Reads every group. One that cannot be read keeps its members and is marked, and the others are read all the same.
#[instrument(name = "pool.groups", skip_all)]
pub async fn read_groups(store: &Store, directory: &Directory, server: &Server, groups: &[String]) -> Result<()> {
    for group in groups {
        match members(directory, server, group).await {
            Ok(user_ids) => store.record_group(group, &user_ids).await.context("record a group")?,
            Err(trouble) => {
                warn!(group, "the group cannot be listed: {trouble}");
                store.trouble_group(group, &trouble).await.context("note the trouble with a group")?;
            }
        }
    }
    Ok(())
}

async fn members(directory: &Directory, server: &Server, group: &str) -> Result<Vec<String>, String> {
    let (mut user_ids, mut next) = (Vec::new(), None);
    loop {
        let page = directory.group_page(group, next.as_deref()).await.map_err(|error| DirectoryError::chain(&error))?;
        if page.unreadable > 0 {
            return Err(format!("{} of its members cannot be read", page.unreadable));
        }
        user_ids.extend(page.users.iter().filter_map(|user| server.mxid(&user.subject).ok()));
        match page.next {
            Some(token) => next = Some(token),
            None => return Ok(user_ids),
        }
    }
}
