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

impl Store {
    /// Stamps a fresh database; refuses one that belongs to something else.
    pub async fn check_stamp(&self, ours: &Stamp) -> Result<()> {
        sqlx::query!(
            "INSERT INTO provisioner.stamp (environment, server_name, user_pool_id) VALUES ($1, $2, $3)
             ON CONFLICT (only_row) DO UPDATE SET user_pool_id = COALESCE(stamp.user_pool_id, excluded.user_pool_id)",
            ours.environment,
            ours.server_name,
            ours.user_pool_id,
        )
        .execute(&self.pool)
        .await?;
        let theirs = sqlx::query_as!(Stamp, "SELECT environment, server_name, user_pool_id FROM provisioner.stamp")
            .fetch_one(&self.pool)
            .await?;
        let pool_id = |stamp: &Stamp| stamp.user_pool_id.clone().unwrap_or_default();
        let pairs = [
            ("environment", ours.environment.clone(), theirs.environment.clone()),
            ("server_name", ours.server_name.clone(), theirs.server_name.clone()),
            // A configuration without a pool reads no pool and so cannot mix two up.
            ("user_pool_id", pool_id(ours), if ours.user_pool_id.is_some() { pool_id(&theirs) } else { String::new() }),
        ];
        match pairs.into_iter().find(|(_, ours, theirs)| ours != theirs) {
            Some((key, ours, theirs)) => Err(StampError { key, ours, theirs }.into()),
            None => Ok(()),
        }
    }
}
