//! Accounts as they are right before their owners are joined. Synapse joins deactivated and locked accounts with 200, and
//! invites a suspended person before it refuses to join them; and what is done to an account by hand is pushed to nobody.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use provisioner_policy::UserIx;

use crate::homeserver::{CallError, Homeserver, UserEntry};

/// Somebody who is joined to several rooms, or was made just now, is asked for once.
const FRESH: Duration = Duration::from_secs(60);

/// When accounts were last seen open, by a request of their own.
#[derive(Debug, Default)]
pub(crate) struct AccountsSeen(Mutex<HashMap<UserIx, LastLook>>);

#[derive(Debug, Default)]
struct LastLook {
    open: Option<Instant>,
    /// Held by who asks: the lanes of several rooms come to the same person at the same time.
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl LastLook {
    fn is_fresh(&self) -> bool {
        self.open.is_some_and(|open| open.elapsed() < FRESH)
    }
}

impl AccountsSeen {
    /// The account was made or opened just now.
    pub(crate) fn note(&self, user: UserIx) {
        self.with_last(user, |last| last.open = Some(Instant::now()));
    }

    /// What is wrong with an account that is to be joined to something; `None` where nothing is.
    pub(crate) async fn closed(
        &self,
        homeserver: &Homeserver,
        user: UserIx,
        mxid: &str,
    ) -> Result<Option<UserEntry>, CallError> {
        let asking = self.with_last(user, |last| Arc::clone(&last.asking));
        let _one = asking.lock().await;
        if self.with_last(user, |last| last.is_fresh()) {
            return Ok(None);
        }
        let entry = homeserver.user(mxid).await?.ok_or(CallError::UserUnknown)?;
        if entry.deactivated || entry.locked || entry.suspended {
            return Ok(Some(entry));
        }
        self.note(user);
        Ok(None)
    }

    /// Forgets what is too old to count. Nobody asks meanwhile.
    pub(crate) fn forget_old(&self) {
        self.0.lock().retain(|_, last| last.is_fresh());
    }

    fn with_last<T>(&self, user: UserIx, with: impl FnOnce(&mut LastLook) -> T) -> T {
        with(self.0.lock().entry(user).or_default())
    }
}
