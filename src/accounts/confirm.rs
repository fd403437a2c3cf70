//! Single accounts: recorded when the pool confirms them. A message or a row alone makes nobody's account.

use anyhow::{Context, Result};

use super::Server;
use crate::sources::Directory;
use crate::store::{AccountSource, SeenAccount, SeenIn, Store};

/// The result of asking the pool for one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The account is in the store, active or disabled, as the pool says.
    Recorded,
    /// The pool has no such subject, or not yet: its listings run a little late.
    Absent,
    /// It can never be an account; the text says why.
    Impossible(String),
}

/// The account store with the pool behind it, where there is one.
#[derive(Clone, Debug)]
pub struct Confirmer {
    pub store: Store,
    pub directory: Option<Directory>,
    pub server: Server,
}

impl Confirmer {
    /// Records the account of `subject` if the pool confirms it; without a pool the source that names it is believed. An
    /// error is trouble on our side or the pool's; the same call may succeed later.
    pub async fn confirm(&self, subject: &str, source: AccountSource, seen_in: SeenIn<'_>) -> Result<Confirmed> {
        let user_id = match self.server.mxid(subject) {
            Ok(user_id) => user_id,
            Err(error) => return Ok(Confirmed::Impossible(error.to_string())),
        };
        let seen = match &self.directory {
            None => {
                let subject = subject.to_owned();
                SeenAccount { subject, user_id, disabled: false, display_name: None }
            }
            Some(directory) => match directory.find(subject).await {
                Ok(Some(user)) => match self.server.seen(&user) {
                    Some(seen) => seen,
                    // Confirmation comes first, and the listing a little after it.
                    None => return Ok(Confirmed::Absent),
                },
                Ok(None) => return Ok(Confirmed::Absent),
                Err(error) => return Err(error).context("ask the pool for the account"),
            },
        };
        self.store.record_accounts(&[seen], source, seen_in).await.context("record the account")?;
        Ok(Confirmed::Recorded)
    }

    /// Records that the pool did not confirm `subject`, so that `explain` can say so.
    pub async fn refuse(&self, subject: &str, source: AccountSource) -> Result<()> {
        let Ok(user_id) = self.server.mxid(subject) else { return Ok(()) };
        self.store
            .refuse_account(subject, &user_id, source)
            .await
            .context("record that the pool does not know an account")
    }
}
