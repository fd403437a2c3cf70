//! Withheld changes that have their line in the ledger already.

use provisioner_policy::Digest;

use super::Store;
use super::ledger::{LedgerLine, PassId, append};

impl Store {
    /// Every withheld change that has its line.
    pub async fn withheld(&self) -> sqlx::Result<Vec<Digest>> {
        let digests = sqlx::query_scalar!("SELECT digest FROM provisioner.withheld").fetch_all(&self.pool).await?;
        Ok(digests.into_iter().filter_map(|digest| digest.try_into().ok()).collect())
    }

    /// Writes the lines of withheld changes and remembers that they have them, both or neither.
    pub async fn append_withheld(
        &self,
        pass: PassId,
        lines: &[LedgerLine<'_>],
        digests: &[Digest],
    ) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        append(&mut *transaction, pass, lines).await?;
        sqlx::query!(
            "INSERT INTO provisioner.withheld (digest) SELECT * FROM UNNEST($1::bytea[]) ON CONFLICT DO NOTHING",
            &columns(digests),
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }

    /// Forgets changes that are no longer withheld: should they come back, they are written again.
    pub async fn forget_withheld(&self, digests: &[Digest]) -> sqlx::Result<()> {
        self.run(sqlx::query!("DELETE FROM provisioner.withheld WHERE digest = ANY($1)", &columns(digests))).await
    }
}

/// As an array of `bytea` is sent.
pub(super) fn columns(digests: &[Digest]) -> Vec<Vec<u8>> {
    digests.iter().map(|digest| digest.to_vec()).collect()
}
