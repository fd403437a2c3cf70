//! The brake: while it is on, nothing is written to the homeserver.

use std::fmt;

use chrono::{DateTime, Utc};

use super::Store;

/// The brake as it was put on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    pub paused_at: DateTime<Utc>,
    pub paused_by: String,
}

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { paused_at, paused_by } = self;
        write!(
            f,
            "paused since {} UTC by {paused_by}: nothing is written until `resume`",
            paused_at.format("%Y-%m-%d %H:%M:%S")
        )
    }
}

impl Store {
    /// The brake, where it is on.
    pub async fn paused(&self) -> sqlx::Result<Option<Paused>> {
        sqlx::query_as!(Paused, "SELECT paused_at, paused_by FROM provisioner.pause").fetch_optional(&self.pool).await
    }

    /// Puts the brake on, writes it to the ledger and wakes every replica. False where it was on.
    pub async fn pause(&self, by: &str) -> sqlx::Result<bool> {
        self.brake("pause", by).await
    }

    /// Takes the brake off, writes it to the ledger and wakes every replica. False where it was off.
    pub async fn resume(&self, by: &str) -> sqlx::Result<bool> {
        self.brake("resume", by).await
    }

    async fn brake(&self, kind: &str, by: &str) -> sqlx::Result<bool> {
        let changed = sqlx::query!(
            "WITH paused AS (
                 INSERT INTO provisioner.pause (paused_by) SELECT $2 WHERE $1 = 'pause' ON CONFLICT DO NOTHING RETURNING 1
             ), resumed AS (
                 DELETE FROM provisioner.pause WHERE $1 = 'resume' RETURNING 1
             ), changed AS (
                 SELECT FROM paused UNION ALL SELECT FROM resumed
             ), noted AS (
                 INSERT INTO provisioner.ledger (pass, seq, kind, cause, mode, outcome)
                 SELECT nextval('provisioner.pass'), 0, $1, 'command of ' || $2, 'enforce', 'done' FROM changed
             )
             SELECT pg_notify('provisioner_requests', '') FROM changed",
            kind,
            by,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(changed.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command line and the Staff room say this, and each types commands in its own way.
    #[test]
    fn what_goes_on_is_the_bare_command() {
        let paused = Paused { paused_at: DateTime::UNIX_EPOCH, paused_by: "@a:a".to_owned() };
        let words = "paused since 1970-01-01 00:00:00 UTC by @a:a: nothing is written until `resume`";
        assert_eq!(paused.to_string(), words);
    }
}
