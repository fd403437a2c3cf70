//! What this database belongs to, written once and compared at every start.

use anyhow::Result;
use thiserror::Error;

use super::Store;

/// The identity of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub environment: String,
    pub server_name: String,
    pub user_pool_id: Option<String>,
}

/// The database belongs to another deployment.
#[derive(Debug, Error)]
#[error(
    "this database belongs to {key} {theirs:?}, and the configuration says {ours:?}; set database.url to the database of this \
     deployment (if the change is meant: UPDATE provisioner.stamp SET {key} = '{ours}')"
)]
pub struct StampError {
    key: &'static str,
    ours: String,
    theirs: String,
}

impl Stamp {
    /// Where this configuration meets the stamp of another deployment.
    fn refuse(&self, theirs: &Self) -> Result<(), StampError> {
        let pool_id = |stamp: &Self| stamp.user_pool_id.clone().unwrap_or_default();
        let both = self.user_pool_id.is_some() && theirs.user_pool_id.is_some();
        let pairs = [
            ("environment", self.environment.clone(), theirs.environment.clone()),
            ("server_name", self.server_name.clone(), theirs.server_name.clone()),
            // A configuration without a pool reads no pool and so cannot mix two up.
            ("user_pool_id", pool_id(self), if both { pool_id(theirs) } else { pool_id(self) }),
        ];
        match pairs.into_iter().find(|(_, ours, theirs)| ours != theirs) {
            Some((key, ours, theirs)) => Err(StampError { key, ours, theirs }),
            None => Ok(()),
        }
    }
}

impl Store {
    /// Refuses a database that belongs to another deployment, before anything in it is changed.
    pub(super) async fn refuse_others(&self, ours: &Stamp) -> Result<()> {
        // Not checked when it is compiled: there may be no table yet.
        let is_there: bool =
            sqlx::query_scalar("SELECT to_regclass('provisioner.stamp') IS NOT NULL").fetch_one(&self.pool).await?;
        if is_there && let Some(theirs) = self.stamped().await? {
            ours.refuse(&theirs)?;
        }
        Ok(())
    }

    /// Stamps a fresh database, and adds the pool to a stamp of ours that has none yet.
    pub(super) async fn stamp(&self, ours: &Stamp) -> Result<()> {
        sqlx::query!(
            "INSERT INTO provisioner.stamp (environment, server_name, user_pool_id) VALUES ($1, $2, $3)
             ON CONFLICT (only_row) DO UPDATE SET user_pool_id = excluded.user_pool_id
             WHERE stamp.user_pool_id IS NULL AND excluded.user_pool_id IS NOT NULL
               AND (stamp.environment, stamp.server_name) = (excluded.environment, excluded.server_name)",
            ours.environment,
            ours.server_name,
            ours.user_pool_id,
        )
        .execute(&self.pool)
        .await?;
        // Two deployments may have stamped a fresh one at once.
        if let Some(theirs) = self.stamped().await? {
            ours.refuse(&theirs)?;
        }
        Ok(())
    }

    /// Whether the database is still that of this pool, or of none: the stamp may have been changed while a process runs. Where it
    /// names another pool the database forgets by itself what was known of the one before.
    pub async fn belongs_to_pool(&self, user_pool_id: &str) -> sqlx::Result<bool> {
        let its = self.stamped().await?.and_then(|stamp| stamp.user_pool_id);
        Ok(its.is_none_or(|its| its == user_pool_id))
    }

    async fn stamped(&self) -> sqlx::Result<Option<Stamp>> {
        sqlx::query_as!(Stamp, "SELECT environment, server_name, user_pool_id FROM provisioner.stamp")
            .fetch_optional(&self.pool)
            .await
    }
}
