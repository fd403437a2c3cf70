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
    /// Commands of the Staff room whose lines are left out where they were done, by their names. Who was refused is told of.
    pub without: Vec<String>,
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
    /// The newest lines first. Attempts that have an outcome are shown by their outcome alone. A filter has a statement of
    /// its own: one for all would be planned once for all, and read every line of the ledger.
    pub async fn history(&self, filter: &HistoryFilter) -> sqlx::Result<Vec<HistoryLine>> {
        match (&filter.user_id, &filter.room_key) {
            (Some(user_id), room_key) => self.history_of_user(user_id, room_key.as_deref(), filter).await,
            (None, Some(room_key)) => self.history_of_room(room_key, filter).await,
            (None, None) => self.history_of_all(filter).await,
        }
    }

    /// Power levels have one line a room, and the keys of `after` name its users: `@user:server`, or `users.@user:server` where
    /// our write lost what somebody else wrote.
    async fn history_of_user(
        &self,
        user_id: &str,
        room_key: Option<&str>,
        HistoryFilter { without, limit, .. }: &HistoryFilter,
    ) -> sqlx::Result<Vec<HistoryLine>> {
        let named = [user_id.to_owned(), format!("users.{user_id}")];
        sqlx::query_as!(
            HistoryLine,
            r#"WITH levels AS MATERIALIZED (
                   SELECT * FROM provisioner.ledger WHERE kind = 'set_power_levels' AND after ?| $2
               ), lines AS (
                   SELECT * FROM provisioner.ledger WHERE user_id = $1 UNION ALL SELECT * FROM levels
               )
               SELECT at AS "at!", pass AS "pass!", kind AS "kind!", user_id, room_key, before, after, cause AS "cause!",
                      mode AS "mode!", outcome AS "outcome!", detail
               FROM lines AS line
               WHERE ($3::text IS NULL OR room_key = $3)
                 AND NOT (kind = 'command' AND outcome IN ('started', 'done') AND split_part(cause, ' ', 1) = ANY($5))
                 AND (outcome <> 'started' OR NOT EXISTS (
                     SELECT FROM provisioner.ledger AS ended
                     WHERE ended.pass = line.pass AND ended.seq = line.seq AND ended.outcome <> 'started'
                 ))
               ORDER BY id DESC LIMIT $4"#,
            user_id,
            &named,
            room_key,
            limit,
            without,
        )
        .fetch_all(&self.pool)
        .await
    }

    async fn history_of_room(
        &self,
        room_key: &str,
        HistoryFilter { without, limit, .. }: &HistoryFilter,
    ) -> sqlx::Result<Vec<HistoryLine>> {
        sqlx::query_as!(
            HistoryLine,
            "SELECT at, pass, kind, user_id, room_key, before, after, cause, mode, outcome, detail
             FROM provisioner.ledger AS line
             WHERE room_key = $1 AND NOT (kind = 'command' AND outcome IN ('started', 'done') AND split_part(cause, ' ', 1) = ANY($3))
               AND (outcome <> 'started' OR NOT EXISTS (
                   SELECT FROM provisioner.ledger AS ended
                   WHERE ended.pass = line.pass AND ended.seq = line.seq AND ended.outcome <> 'started'
               ))
             ORDER BY id DESC LIMIT $2",
            room_key,
            limit,
            without,
        )
        .fetch_all(&self.pool)
        .await
    }

    async fn history_of_all(
        &self,
        HistoryFilter { without, limit, .. }: &HistoryFilter,
    ) -> sqlx::Result<Vec<HistoryLine>> {
        sqlx::query_as!(
            HistoryLine,
            "SELECT at, pass, kind, user_id, room_key, before, after, cause, mode, outcome, detail
             FROM provisioner.ledger AS line
             WHERE NOT (kind = 'command' AND outcome IN ('started', 'done') AND split_part(cause, ' ', 1) = ANY($2))
               AND (outcome <> 'started' OR NOT EXISTS (
                   SELECT FROM provisioner.ledger AS ended
                   WHERE ended.pass = line.pass AND ended.seq = line.seq AND ended.outcome <> 'started'
               ))
             ORDER BY id DESC LIMIT $1",
            limit,
            without,
        )
        .fetch_all(&self.pool)
        .await
    }
}
