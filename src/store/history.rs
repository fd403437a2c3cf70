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

/// The lines of `$from`, its condition included, in which $1 is the limit and $2 the commands left out. Attempts that have an
/// outcome are shown by their outcome alone.
macro_rules! lines {
    ($from:literal, $($argument:expr),+) => {
        sqlx::query_as!(
            HistoryLine,
            r#"SELECT at AS "at!", pass AS "pass!", kind AS "kind!", user_id, room_key, before, after, cause AS "cause!",
                      mode AS "mode!", outcome AS "outcome!", detail
               FROM "# + $from + r#"
                 AND NOT (kind = 'command' AND outcome IN ('started', 'done') AND split_part(cause, ' ', 1) = ANY($2))
                 AND (outcome <> 'started' OR NOT EXISTS (
                     SELECT FROM provisioner.ledger AS ended
                     WHERE ended.pass = line.pass AND ended.seq = line.seq AND ended.outcome <> 'started'
                 ))
               ORDER BY id DESC LIMIT $1"#,
            $($argument),+
        )
    };
}

impl Store {
    /// The newest lines first. A filter has a statement of its own: one for all would be planned once for all, and read every
    /// line of the ledger.
    pub async fn history(&self, filter: &HistoryFilter) -> sqlx::Result<Vec<HistoryLine>> {
        let HistoryFilter { user_id, room_key, without, limit } = filter;
        match (user_id, room_key) {
            (Some(user_id), room_key) => {
                // Power levels have one line a room, and the keys of `after` name its users: so, or by a path where our write
                // lost what somebody else wrote.
                let named = [user_id.clone(), format!("users.{user_id}")];
                lines!(
                    "(WITH levels AS MATERIALIZED (
                          SELECT * FROM provisioner.ledger WHERE kind = 'set_power_levels' AND after ?| $4
                      )
                      SELECT * FROM provisioner.ledger WHERE user_id = $3 UNION ALL SELECT * FROM levels) AS line
                     WHERE ($5::text IS NULL OR room_key = $5)",
                    limit,
                    without,
                    user_id,
                    &named,
                    room_key.as_deref()
                )
                .fetch_all(&self.pool)
                .await
            }
            (None, Some(room_key)) => {
                let lines = lines!("provisioner.ledger AS line WHERE room_key = $3", limit, without, room_key);
                lines.fetch_all(&self.pool).await
            }
            (None, None) => lines!("provisioner.ledger AS line WHERE true", limit, without).fetch_all(&self.pool).await,
        }
    }
}
