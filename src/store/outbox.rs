//! The outbox: the ledger as others are told of it, line by line, and how far each topic was told.
//!
//! Lines get their numbers before they are committed, so a number that is missing may still come. Who writes to the ledger
//! holds a lock on the table from before it takes a number until its transaction has ended: a writer that held it when a line was
//! the newest has ended before the lines up to that one are taken for all there are. The lock is what every writer holds
//! anyway; nobody waits for the outbox, and it waits for no transaction but those that write to the ledger.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Store;

/// A line of the ledger that says what was done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutboxLine {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub kind: String,
    pub outcome: String,
    pub user_id: Option<String>,
    pub room_id: Option<String>,
    pub room_key: Option<String>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// For people; it may quote rows of others.
    pub cause: String,
    /// For others.
    pub because: Option<String>,
    pub actor: Option<String>,
}

impl Store {
    /// Up to which line a topic was told. One that is new begins with what is written from now on.
    pub async fn told(&self, topic_arn: &str) -> sqlx::Result<i64> {
        sqlx::query_scalar!(
            r#"WITH begun AS (
                 INSERT INTO provisioner.event_topics (topic_arn, line)
                 SELECT $1, COALESCE((SELECT max(id) FROM provisioner.ledger), 0)
                 ON CONFLICT (topic_arn) DO NOTHING RETURNING line
               )
               SELECT line AS "told!" FROM begun
               UNION ALL SELECT line FROM provisioner.event_topics WHERE topic_arn = $1"#,
            topic_arn,
        )
        .fetch_one(&self.pool)
        .await
    }

    /// Notes that a topic was told up to this line. Never less than before: who no longer leads may say so late.
    pub async fn note_told(&self, topic_arn: &str, line: i64) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "UPDATE provisioner.event_topics SET line = $2 WHERE topic_arn = $1 AND line < $2",
            topic_arn,
            line,
        ))
        .await
    }

    /// The transactions that may have taken a number and not committed its line yet.
    pub async fn ledger_writers(&self) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar!(
            r#"SELECT virtualtransaction AS "virtualtransaction!" FROM pg_locks
               WHERE locktype = 'relation' AND relation = 'provisioner.ledger'::regclass
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND mode = 'RowExclusiveLock' AND granted"#
        )
        .fetch_all(&self.pool)
        .await
    }

    /// What was done in the lines after `told`, up to `settled`, in their order, and at most so many. Also what may have been
    /// done: who is told of nothing where a kill came between call and answer would be told too little.
    pub async fn outbox(&self, told: i64, settled: i64, most: i64) -> sqlx::Result<Vec<OutboxLine>> {
        sqlx::query_as!(
            OutboxLine,
            "SELECT id, at, kind, outcome, user_id, room_id, room_key, before, after, cause, because, actor
             FROM provisioner.ledger
             WHERE id <= $2 AND id > $1 AND outcome IN ('done', 'unknown', 'interrupted') AND kind <> 'command'
             ORDER BY id LIMIT $3",
            told,
            settled,
            most,
        )
        .fetch_all(&self.pool)
        .await
    }
}
