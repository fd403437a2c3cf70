//! What is planned and not carried out, as the database keeps it: one line in the ledger a part, not one a pass, also across
//! restarts. The database is written only when something begins or ends to be withheld.

use anyhow::{Context, Result};
use provisioner_policy::{Plan, Withheld, WithheldDiff, World};

use crate::store::Store;

/// Withheld parts as the database has them.
#[derive(Debug, Default)]
pub(crate) struct StoredWithheld {
    /// Not read yet where `None`.
    withheld: Option<Withheld>,
    /// How the last plan was compared, where one was.
    compared_whole: Option<bool>,
}

impl StoredWithheld {
    /// What is withheld.
    pub(crate) async fn get(&mut self, store: &Store) -> Result<&mut Withheld> {
        Ok(match &mut self.withheld {
            Some(withheld) => withheld,
            unread => unread.insert(Withheld::inherit(store.withheld().await.context("read what is withheld")?)),
        })
    }

    /// What began and ended to be withheld with this plan. `is_known` is a plan that was compared before.
    pub(crate) async fn compare<'a>(
        &mut self,
        store: &Store,
        world: &World,
        plan: &'a Plan,
        whole: bool,
        is_known: bool,
    ) -> Result<WithheldDiff<'a>> {
        if is_known && self.compared_whole == Some(whole) {
            return Ok(WithheldDiff::default());
        }
        self.compared_whole = Some(whole);
        Ok(self.get(store).await?.compare(world, plan, whole))
    }
}

/// Forgets what is no longer withheld.
pub(crate) async fn forget_ended(store: &Store, diff: &WithheldDiff<'_>) -> Result<()> {
    if !diff.ended.is_empty() {
        store.forget_withheld(&diff.ended).await.context("forget what is no longer withheld")?;
    }
    Ok(())
}
