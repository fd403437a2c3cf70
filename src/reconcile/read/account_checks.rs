//! Account checks: single accounts looked at by themselves, because the listing is older than what is to be decided.
//!
//! - **After somebody left by their own event.** Synapse parts an account that is being deactivated in its owner's name, and
//!   says `deactivated` only a moment later.
//! - **At each resync those who were suspended**: the listing does not say it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use provisioner_policy::{UserIx, World};

use crate::homeserver::{CallError, Homeserver, UserEntry};
use crate::reconcile::read::server_accounts::on_server;

/// Synapse begins to part an account before it marks it as deactivated; in between it rejects the invitations, one by one.
const PARTING: Duration = Duration::from_secs(5);
/// When an unreachable Synapse is asked again.
const AGAIN: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 8;
/// Checks at once, so that what else there is to do does not wait for many.
const MOST: usize = 64;

/// Accounts to be asked for, and when.
#[derive(Debug, Default)]
pub(crate) struct AccountChecks {
    pending: HashMap<UserIx, Instant>,
}

impl AccountChecks {
    /// Somebody left by their own event.
    pub(crate) fn left(&mut self, user: UserIx, now: Instant) {
        self.pending.insert(user, now + PARTING);
    }

    /// Synapse refused something for the account's sake.
    pub(crate) fn doubted(&mut self, user: UserIx, now: Instant) {
        self.pending.insert(user, now);
    }

    /// Whether the account was not looked at since its owner left something: nobody is joined meanwhile.
    pub(crate) fn is_pending(&self, user: UserIx) -> bool {
        self.pending.contains_key(&user)
    }

    /// When the next one is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.pending.values().min().copied()
    }

    /// Those who were suspended at the last look are looked at again.
    pub(crate) fn look_at_suspended(&mut self, world: &World, now: Instant) {
        for user in world.mirror.accounts.suspended() {
            self.pending.entry(user).or_insert(now);
        }
    }

    /// Looks at the accounts that are due.
    pub(crate) async fn look(&mut self, homeserver: &Homeserver, world: &mut World) -> Result<(), CallError> {
        let now = Instant::now();
        let due = self.pending.iter().filter(|(_, at)| **at <= now).map(|(user, _)| (*user, world.users.mxid(*user)));
        let asked = due.take(MOST).map(|(user, mxid)| async move { (user, homeserver.user(&mxid).await) });
        let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        let mut failed = Ok(());
        for (user, answer) in answers {
            match answer {
                Ok(entry) => {
                    self.pending.remove(&user);
                    see(world, user, entry.as_ref());
                }
                Err(error) => {
                    self.pending.insert(user, now + AGAIN);
                    if error.is_transport() {
                        failed = Err(error);
                    }
                }
            }
        }
        failed
    }
}

/// Takes over what Synapse says of one account that was asked for by itself.
pub(crate) fn see(world: &mut World, user: UserIx, entry: Option<&UserEntry>) {
    world.set_account_seen(user, entry.map(on_server).unwrap_or_default());
    world.set_suspended(user, entry.is_some_and(|entry| entry.suspended));
}
