//! Names and pictures that this service gave, and the pictures that it uploaded.

use super::Store;

/// What was given to one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenRow {
    pub user_id: String,
    pub field: String,
    /// What was given last.
    pub value: Option<String>,
    /// What may have been given since.
    pub tried: Option<String>,
    /// Where a picture was fetched from.
    pub source: Option<String>,
}

/// A name or picture that is given.
#[derive(Clone, Copy, Debug)]
pub struct Gift<'a> {
    pub user_id: &'a str,
    pub field: &'static str,
    pub value: &'a str,
    pub source: Option<&'a str>,
    pub sha256: Option<&'a [u8]>,
}

impl Store {
    /// All of it.
    pub async fn given_profiles(&self) -> sqlx::Result<Vec<GivenRow>> {
        sqlx::query_as!(GivenRow, "SELECT user_id, field, value, tried, source FROM provisioner.given_profiles")
            .fetch_all(&self.pool.patient())
            .await
    }

    /// Notes what is about to be given: a kill in between must not make it look like its owner's choice.
    pub async fn note_giving(&self, user_id: &str, field: &'static str, tried: &str) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "INSERT INTO provisioner.given_profiles (user_id, field, tried) VALUES ($1, $2, $3)
             ON CONFLICT (user_id, field) DO UPDATE SET tried = excluded.tried",
            user_id,
            field,
            tried,
        ))
        .await
    }

    /// Notes what was given.
    pub async fn note_given(&self, gift: Gift<'_>) -> sqlx::Result<()> {
        let Gift { user_id, field, value, source, sha256 } = gift;
        self.run(sqlx::query!(
            "INSERT INTO provisioner.given_profiles (user_id, field, value, source, sha256) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (user_id, field) DO UPDATE SET
                 value = excluded.value, source = excluded.source, sha256 = excluded.sha256, tried = NULL, given_at = now()",
            user_id,
            field,
            value,
            source,
            sha256,
        )).await
    }

    /// Pictures that were fetched from these addresses, as they were uploaded: each address with its `mxc` and its SHA-256.
    pub async fn fetched_from(&self, sources: &[String]) -> sqlx::Result<Vec<(String, String, Vec<u8>)>> {
        let rows = sqlx::query!(
            r#"SELECT DISTINCT ON (source) source AS "source!", value AS "value!", sha256 AS "sha256!"
               FROM provisioner.given_profiles
               WHERE source = ANY($1) AND value IS NOT NULL AND sha256 IS NOT NULL
               ORDER BY source, given_at DESC"#,
            sources,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| (row.source, row.value, row.sha256)).collect())
    }

    /// The `mxc` address of a picture that was uploaded.
    pub async fn upload(&self, sha256: &[u8]) -> sqlx::Result<Option<String>> {
        sqlx::query_scalar!("SELECT mxc FROM provisioner.uploads WHERE sha256 = $1", sha256)
            .fetch_optional(&self.pool)
            .await
    }

    /// Notes that a picture was uploaded.
    pub async fn note_upload(&self, sha256: &[u8], mxc: &str) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "INSERT INTO provisioner.uploads (sha256, mxc) VALUES ($1, $2) ON CONFLICT (sha256) DO UPDATE SET mxc = excluded.mxc",
            sha256,
            mxc,
        )).await
    }
}
