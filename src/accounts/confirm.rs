//! Single accounts: recorded when the pool confirms them. A message or a row alone makes nobody's account.

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

use super::Server;
use crate::sources::{Directory, SearchedUser};
use crate::store::{AccountSource, SeenAccount, SeenIn, Store};

/// Said of an account that the pool has confirmed.
const NOT_RECORDED: &str =
    "the database of database.url does not take an account that is confirmed; start it, or mend database.url";

/// Said where it is to be looked up.
const NOT_SAID: &str =
    "the database of database.url does not say whether an account is there; start it, or mend database.url";

/// The result of asking the pool for one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The account is in the store, active or disabled, as the pool says, or has said to somebody who asked later.
    Recorded,
    /// The pool, asked then by the database's clock, has no such subject, or not yet: its listings run a little late.
    Absent(DateTime<Utc>),
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
        let (seen, asked) = match &self.directory {
            None => {
                let asked = self.store.now().await.context(NOT_RECORDED)?;
                let subject = subject.to_owned();
                (SeenAccount { subject, user_id, disabled: false, display_name: None }, asked)
            }
            Some(directory) => {
                if self.is_known(directory, subject).await? {
                    return Ok(Confirmed::Recorded);
                }
                let asked = self.store.now().await.context(NOT_RECORDED)?;
                let found = directory.find(subject, asked).await.context("ask the pool for the account")?;
                // Another may have asked first, for the same answer.
                let SearchedUser { user, asked } = found;
                // Confirmation comes first, and the listing a little after it.
                let Some(seen) = user.and_then(|user| self.server.seen(&user)) else {
                    return Ok(Confirmed::Absent(asked));
                };
                (seen, asked)
            }
        };
        self.store.record_accounts(&[seen], source, seen_in, asked).await.context(NOT_RECORDED)?;
        Ok(Confirmed::Recorded)
    }

    /// Whether the store has the account as the pool had it a moment ago. What is remembered is never recorded: another process may
    /// have recorded a newer word, so that where the two differ the pool is asked again.
    async fn is_known(&self, directory: &Directory, subject: &str) -> Result<bool> {
        let Some(user) = directory.remembered(subject).await else { return Ok(false) };
        let is_known = match self.server.seen(&user) {
            Some(seen) => self.store.has_account(&seen).await.context(NOT_SAID)?,
            None => false,
        };
        if !is_known {
            directory.forget(subject).await;
        }
        Ok(is_known)
    }

    /// Records that the pool, asked at `asked`, did not confirm `subject`, so that `explain` can say so. `false` where that is too
    /// long ago.
    pub async fn refuse(&self, subject: &str, source: AccountSource, asked: DateTime<Utc>) -> Result<bool> {
        let Ok(user_id) = self.server.mxid(subject) else { return Ok(true) };
        self.store
            .refuse_account(subject, &user_id, source, asked)
            .await
            .context("record that the pool does not know an account")
    }
}
