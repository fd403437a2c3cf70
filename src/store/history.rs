//! What the ledger says of somebody, of a room, or of everything.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::Store;

/// Which lines of the ledger to show.
#[derive(Clone, Debug, Default)]
pub struct HistoryFilter {
    pub user_id: Option<String>,
    pub room_key: Option<String>,
    pub limit: i64,
}

/// One line as `history` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryLine {
    pub at: DateTime<Utc>,
    pub pass: i64,
    pub kind: String,
    #[serde(rename = "user")]
    pub user_id: Option<String>,
    #[serde(rename = "room")]
    pub room_key: Option<String>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub cause: String,
    pub mode: String,
    pub outcome: String,
    pub detail: Option<String>,
}

impl Store {
    /// The newest lines first. Attempts that have an outcome are shown by their outcome alone.
    pub async fn history(&self, filter: &HistoryFilter) -> sqlx::Result<Vec<HistoryLine>> {
        sqlx::query_as!(
            HistoryLine,
            "SELECT at, pass, kind, user_id, room_key, before, after, cause, mode, outcome, detail
             FROM provisioner.ledger AS line
             WHERE ($1::text IS NULL OR user_id = $1) AND ($2::text IS NULL OR room_key = $2)
               AND (outcome <> 'started' OR NOT EXISTS (
                   SELECT FROM provisioner.ledger AS ended
                   WHERE ended.pass = line.pass AND ended.seq = line.seq AND ended.outcome <> 'started'
               ))
             ORDER BY id DESC LIMIT $3",
            filter.user_id,
            filter.room_key,
            filter.limit,
        )
        .fetch_all(&self.pool)
        .await
    }
}
