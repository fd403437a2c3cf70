//! Reading the account store into the world, only what is new since the last time; and what passes need of it besides.

use std::collections::HashMap;

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use provisioner_policy::{AccountsFrom, Action, Change, SourceState, UserIx};
use tracing::instrument;

use crate::reconcile::reconciler::Reconciler;
use crate::store::{AccountOrigin, AccountsRead, GroupRow, Listing};

/// Rows read at once.
const BATCH: i64 = 10_000;

/// For a command, which lists no groups itself, those of a service beside it are fresh: it reads them every minute.
const GROUPS_FRESH: TimeDelta = TimeDelta::minutes(5);

/// Accounts of one slice whose origin is looked up; a slice makes fewer.
const ORIGINS: usize = 1000;

impl Reconciler {
    /// Reads what changed in the account store.
    #[instrument(name = "source.accounts", skip_all)]
    pub async fn read_accounts(&mut self) -> Result<()> {
        self.read_locks().await?;
        // Before the rows: a listing that ends in between would be believed, and the rows be those from before it.
        if self.world.facts.accounts_from == AccountsFrom::Pool {
            self.read_pool_state().await?;
        }
        let with_names = self.profiles.is_some();
        loop {
            let rows = self.store.accounts_since(&self.accounts_read, BATCH, with_names).await;
            let rows = rows.context("read the accounts")?;
            for row in &rows {
                self.world.set_pool_name(&row.user_id, row.display_name.as_deref());
                self.world.set_account(&row.user_id, row.account(), row.closed(), row.folded);
            }
            let Some(last) = rows.last() else { break };
            self.accounts_read = AccountsRead { revision: last.revision, subject: last.subject.clone() };
        }
        self.tell_unknown();
        Ok(())
    }

    /// Once: locks of this process come to their end, or fail, in its own memory.
    async fn read_locks(&mut self) -> Result<()> {
        if !self.locks_read {
            for mxid in self.store.locks_without_end().await.context("read which locks did not come to their end")? {
                let user = self.world.intern(&mxid);
                self.world.set_sessions_remain(user, true);
            }
            self.locks_read = true;
        }
        Ok(())
    }

    async fn read_pool_state(&mut self) -> Result<()> {
        let last = self.store.last_listing().await.context("look at the last listing of the pool")?;
        let whole = self.store.last_whole_listing().await.context("look at the last whole listing of the pool")?;
        let oldest =
            TimeDelta::from_std(self.listing_lasts).ok().and_then(|lasts| Utc::now().checked_sub_signed(lasts));
        let oldest = oldest.map(|oldest| self.leads_since.map_or(oldest, |since| since.min(oldest)));
        self.world.set_pool(pool_state(last, whole, oldest));
        let since = match self.leads_since {
            Some(since) => since,
            None => self.store.now().await.context("read the database's clock")? - GROUPS_FRESH,
        };
        let groups = self.store.groups(since, &self.groups_read).await.context("read the groups")?;
        let mut before = std::mem::take(&mut self.groups_read);
        for GroupRow { name, listed, trouble, revision, user_ids } in groups {
            let state = match (trouble, listed) {
                (Some(reason), _) => SourceState::Failing(reason),
                (None, true) => SourceState::Good,
                (None, false) => SourceState::Unread,
            };
            match user_ids {
                Some(members) => self.world.set_group(&name, state, members.iter()),
                None => self.world.set_group_state(&name, state),
            }
            before.remove(&name);
            self.groups_read.insert(name, revision);
        }
        // Somebody had the store forget these. What was read of them is no reason to take anything from anyone.
        for name in before.into_keys() {
            self.world.set_group_state(&name, SourceState::Unread);
        }
        Ok(())
    }

    /// Tells which users the pool should be asked for, where that changed; nobody where there is no pool.
    pub(crate) fn tell_unknown(&mut self) {
        if let Some(unknown) = self.world.take_unknown() {
            self.unknown.send_replace(unknown);
        }
    }

    /// Where the accounts that are to be made first came from.
    pub(crate) async fn origins(&self, due: &[&Action]) -> Result<HashMap<UserIx, AccountOrigin>> {
        let made = due.iter().filter_map(|action| match action.change {
            Change::CreateAccount { user } => Some(self.world.users.mxid(user)),
            _ => None,
        });
        let made: Vec<String> = made.take(ORIGINS).collect();
        if made.is_empty() {
            return Ok(HashMap::new());
        }
        let origins = self.store.origins(&made).await.context("look up where accounts came from")?;
        Ok(origins.into_iter().filter_map(|origin| Some((self.world.users.get(&origin.user_id)?, origin))).collect())
    }

    /// Forgets what this service had closed, where the account is open again: a later lock is then somebody else's.
    pub(crate) async fn forget_reopened(&mut self) -> Result<()> {
        for user in self.world.take_reopened() {
            let mxid = self.world.users.mxid(user);
            self.store.set_closed(&mxid, None).await.context("note that an account is open again")?;
            self.world.set_closed(user, None);
        }
        Ok(())
    }
}

/// A listing under way leaves what the last whole one said, unless that is older than `oldest`: a database may have been restored,
/// and the pool may have been out of the configuration for weeks. One that stumbles does not.
fn pool_state(last: Option<Listing>, whole: Option<Listing>, oldest: Option<DateTime<Utc>>) -> SourceState {
    let is_fresh = |whole: Listing| whole.completed_at >= oldest;
    match last.and_then(|listing| listing.trouble) {
        Some(reason) => SourceState::Failing(reason),
        None if whole.is_some_and(is_fresh) => SourceState::Good,
        None => SourceState::Unread,
    }
}
