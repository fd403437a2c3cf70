//! The accounts of the server as Synapse lists them, and who of them is a server admin, read into the mirror.

use std::collections::HashSet;

use provisioner_policy::{OnServer, UserIx, World};
use tracing::warn;

use crate::homeserver::{CallError, Homeserver, UserEntry};

/// Accounts a page. Synapse answers 20,000 in about a quarter of a second.
const PAGE: u64 = 20_000;

/// Accounts that many pages long are listed only at every so many resyncs, or where their number changed or somebody asked
/// for a pass. A listing of one page is one request, as little as asking for the number.
const EVERY: u32 = 12;

/// The last listing of accounts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AccountsListing {
    /// How many accounts there are by now.
    pub(crate) total: Option<u64>,
    /// How often only their number was asked for since.
    counted: u32,
}

impl AccountsListing {
    /// Has the next reading list them, because somebody asked.
    pub(crate) fn forget(&mut self) {
        self.counted = EVERY;
    }

    fn is_due(self) -> bool {
        self.total.is_none_or(|total| total <= PAGE) || self.counted >= EVERY - 1
    }
}

/// Reads the listing of accounts: locking, deactivating or reopening one by hand changes neither a room nor the number of
/// accounts. Where that takes many pages it is mostly only asked how many there are, and who is a server admin.
pub(crate) async fn observe_accounts(
    homeserver: &Homeserver,
    world: &mut World,
    last: AccountsListing,
) -> Result<AccountsListing, CallError> {
    if world.mirror.accounts_listed && !last.is_due() {
        let total = homeserver.list_users(0, 1).await?.total;
        if total == last.total {
            observe_admins(homeserver, world).await?;
            return Ok(AccountsListing { total, counted: last.counted + 1 });
        }
    }
    let (mut from, mut total, mut unreadable) = (Some(0), None, 0);
    let (mut listed, mut has_bot) = (0, false);
    while let Some(start) = from {
        let page = homeserver.list_users(start, PAGE).await?;
        for entry in &page.users {
            world.set_on_server(&entry.name, on_server(entry));
            world.see_profile(&entry.name, entry.displayname.as_deref(), entry.avatar_url.as_deref());
            has_bot |= entry.name == homeserver.user_id();
        }
        listed += page.users.len() as u64;
        unreadable += page.unreadable;
        (from, total) = (page.next, page.total);
    }
    if unreadable > 0 {
        warn!(entries = unreadable, "some accounts in Synapse's listing could not be read and count as absent");
    }
    if has_bot && total.is_none_or(|total| total <= listed) {
        world.set_leavers_seen();
    } else {
        warn!(
            accounts = listed,
            "Synapse's list of accounts is incomplete or lacks the bot: nobody counts as no admin for its sake"
        );
    }
    world.set_accounts_listed(true);
    Ok(AccountsListing { total, counted: 0 })
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

pub(crate) fn on_server(entry: &UserEntry) -> OnServer {
    OnServer { present: true, deactivated: entry.deactivated, locked: entry.locked, admin: entry.admin }
}
