//! The account of somebody who gives a command, as the pool has it at that moment: what was listed hours ago lets nobody
//! command.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use thiserror::Error;

use super::confirm::Confirmer;
use crate::store::{AccountSource, SeenIn};

/// How long the pool may take to answer; an account that cannot be looked at gives no commands.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why somebody has no account that may give commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoAccount {
    #[error("the user pool says that the account is disabled")]
    Disabled,
    #[error("the user pool has no such account, or it is not confirmed there")]
    Absent,
}

impl Confirmer {
    /// Whether the pool has the account of `user_id` now, past everything that is remembered of it. What it says is recorded
    /// first, so that whatever is judged from the store is judged by it, too. Without a pool there is nobody to ask. An error
    /// means that the pool or the database does not answer.
    pub async fn has_account_now(&self, user_id: &str) -> Result<Result<(), NoAccount>> {
        match tokio::time::timeout(PATIENCE, self.ask_for_account(user_id)).await {
            Ok(answer) => answer,
            Err(_) => Err(anyhow!("the user pool did not answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn ask_for_account(&self, user_id: &str) -> Result<Result<(), NoAccount>> {
        let Some(directory) = &self.directory else { return Ok(Ok(())) };
        // The pool finds a subject only as it spells it itself.
        let known = self.store.subject_of(user_id).await.context("look up the subject of an operator")?;
        let Some(subject) = known.or_else(|| self.server.localpart(user_id)) else { return Ok(Err(NoAccount::Absent)) };
        let asked = self.store.now().await.context("read the database's clock")?;
        let found = directory.find_now(&subject, asked).await.context("ask the user pool for an operator")?;
        let Some(seen) = found.and_then(|user| self.server.seen(&user)) else { return Ok(Err(NoAccount::Absent)) };
        let disabled = seen.disabled;
        let recorded = self.store.record_accounts(&[seen], AccountSource::Command, SeenIn::default(), asked).await;
        recorded.context("record the account of an operator")?;
        Ok(if disabled { Err(NoAccount::Disabled) } else { Ok(()) })
    }
}
