//! The accounts of the server as Synapse lists them, and who of them is a server admin, read into the mirror.

use std::collections::HashSet;

use provisioner_policy::{OnServer, UserIx, World};
use tracing::warn;

use crate::homeserver::{CallError, Homeserver, UserEntry};

/// Accounts a page. Synapse answers 20,000 in about a quarter of a second.
const PAGE: u64 = 20_000;

/// Reads the listing of accounts, if their number is not the one it was, and else only who is a server admin: that changes
/// without a push and without a new account. Returns the number.
pub(crate) async fn observe_accounts(
    homeserver: &Homeserver,
    world: &mut World,
    known_total: Option<u64>,
) -> Result<Option<u64>, CallError> {
    if let (true, Some(known)) = (world.mirror.accounts_listed, known_total) {
        let total = homeserver.list_users(0, 1).await?.total;
        if total == Some(known) {
            observe_admins(homeserver, world).await?;
            return Ok(total);
        }
    }
    let (mut from, mut total, mut unreadable) = (Some(0), None, 0);
    while let Some(start) = from {
        let page = homeserver.list_users(start, PAGE).await?;
        for entry in &page.users {
            world.set_on_server(&entry.name, on_server(entry));
        }
        unreadable += page.unreadable;
        (from, total) = (page.next, page.total);
    }
    if unreadable > 0 {
        warn!(entries = unreadable, "some accounts in Synapse's listing could not be read and count as absent");
    }
    world.set_accounts_listed(true);
    Ok(total)
}

/// Takes over who is a server admin. From an answer that is not the whole truth only what is in it is taken: nobody
/// counts as no admin because they were left out.
async fn observe_admins(homeserver: &Homeserver, world: &mut World) -> Result<(), CallError> {
    let answer = homeserver.server_admins().await?;
    for entry in &answer.users {
        world.set_on_server(&entry.name, on_server(entry));
    }
    if !answer.complete {
        warn!(
            admins = answer.users.len(),
            "Synapse's list of server admins is incomplete or lacks the bot: nobody counts as no admin for its sake"
        );
        return Ok(());
    }
    let listed: HashSet<UserIx> = answer.users.iter().filter_map(|entry| world.users.get(&entry.name)).collect();
    let no_longer: Vec<_> =
        world.mirror.accounts.iter().filter(|(user, there)| there.admin && !listed.contains(user)).collect();
    for (user, there) in no_longer {
        world.set_there(user, OnServer { admin: false, ..there });
    }
    Ok(())
}

fn on_server(entry: &UserEntry) -> OnServer {
    OnServer { present: true, deactivated: entry.deactivated, locked: entry.locked, admin: entry.admin }
}
