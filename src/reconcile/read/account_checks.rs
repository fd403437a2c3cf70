//! Account checks: single accounts looked at by themselves, because the listing is older than what is to be decided.
//!
//! - **After somebody left by their own event.** Synapse parts an account that is being deactivated in its owner's name, and
//!   says `deactivated` only a moment later.
//! - **At each resync those who were suspended**: the listing does not say it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use provisioner_policy::{UserIx, World};
use tokio::time::{Instant as Clock, timeout_at};

use crate::homeserver::{Homeserver, UserEntry};
use crate::reconcile::read::server_accounts::on_server;

/// Synapse begins to part an account before it marks it as deactivated; in between it rejects the invitations, one by one.
const PARTING: Duration = Duration::from_secs(5);
/// When an unreachable Synapse is asked again.
const AGAIN: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 8;
/// Checks at once, and how long the answers are waited for: what else there is to do waits neither for many nor for one that hangs.
const MOST: usize = 64;
const ANSWERED: Duration = Duration::from_secs(5);

/// What came of looking at accounts.
#[derive(Debug)]
pub(crate) struct Looked {
    /// Users whose account Synapse told of.
    pub(crate) seen: Vec<UserIx>,
    /// Synapse left a question unanswered.
    pub(crate) is_unanswered: bool,
}

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

    /// Whose accounts are to be looked at.
    pub(crate) fn users(&self) -> impl Iterator<Item = UserIx> + '_ {
        self.pending.keys().copied()
    }

    /// Looks at the accounts that are due. Those that are not answered in time are asked for again.
    pub(crate) async fn look(&mut self, homeserver: &Homeserver, world: &mut World) -> Looked {
        let now = Instant::now();
        let due = self.pending.iter().filter(|(_, at)| **at <= now).map(|(user, _)| *user);
        let due: Vec<UserIx> = due.take(MOST).collect();
        let named: Vec<(UserIx, String)> = due.iter().map(|user| (*user, world.users.mxid(*user))).collect();
        let asked = named.into_iter().map(|(user, mxid)| async move { (user, homeserver.user(&mxid).await) });
        let answers = {
            let until = Clock::now() + ANSWERED;
            // In any order: one that hangs keeps only its own place.
            let mut answers = std::pin::pin!(stream::iter(asked).buffer_unordered(AT_ONCE));
            let mut read = Vec::new();
            while let Ok(Some(answer)) = timeout_at(until, answers.next()).await {
                read.push(answer);
            }
            read
        };
        // From after the wait: else all of it would be due again at once.
        let again = Instant::now() + AGAIN;
        let mut looked = Looked { seen: Vec::new(), is_unanswered: answers.len() < due.len() };
        self.pending.extend(due.into_iter().map(|user| (user, again)));
        for (user, answer) in answers {
            match answer {
                Ok(entry) => {
                    self.pending.remove(&user);
                    see(world, user, entry.as_ref());
                    looked.seen.push(user);
                }
                Err(error) => looked.is_unanswered |= error.is_transport(),
            }
        }
        looked
    }
}

/// Takes over what Synapse says of one account that was asked for by itself.
pub(crate) fn see(world: &mut World, user: UserIx, entry: Option<&UserEntry>) {
    world.set_account_seen(user, entry.map(on_server).unwrap_or_default());
    world.set_suspended(user, entry.is_some_and(|entry| entry.suspended));
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::homeserver::Timeouts;
    use crate::reconcile::pushes::tests::world;

    /// As a Synapse that takes a connection and says nothing.
    #[tokio::test(start_paused = true)]
    async fn what_hangs_is_waited_for_once_for_all_and_asked_for_later() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let homeserver = Homeserver::connect(&url, "@bot:a", "token", Timeouts::default()).await.unwrap();
        let ((mut world, _), mut checks) = (world(), AccountChecks::default());
        let users: Vec<UserIx> = (0..2 * MOST).map(|number| world.intern(&format!("@{number}:a"))).collect();
        users.iter().for_each(|user| checks.doubted(*user, Instant::now()));
        let began = Clock::now();
        let looked = checks.look(&homeserver, &mut world).await;
        assert!(looked.is_unanswered && looked.seen.is_empty(), "{looked:?}");
        assert!(began.elapsed() < ANSWERED + Duration::from_secs(1), "{:?}", began.elapsed());
        let now = Instant::now();
        let later = checks.pending.values().filter(|at| **at > now).count();
        assert_eq!(later, MOST, "the others are looked at before");
        assert!(users.iter().all(|user| checks.is_pending(*user)), "nobody is joined meanwhile");
    }
}
