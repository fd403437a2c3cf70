//! Messages about trouble that lasts, which the bot posted in the Staff room.

use super::Store;
use super::nul::WithoutNul;

/// A posted alert.
#[derive(Clone, Debug)]
pub struct AlertRow {
    pub key: String,
    pub text: String,
    /// Where it is posted.
    pub room_id: String,
    pub event_id: Option<String>,
    /// When it was raised, in milliseconds: with the key it names the message.
    pub raised_ms: i64,
    /// How often its words changed: it names the edit.
    pub edits: i64,
}

impl AlertRow {
    /// Whether it has these words, as far as the database can keep them.
    pub fn says(&self, words: &str) -> bool {
        self.text == *words.without_nul()
    }
}

impl Store {
    /// Alerts that last.
    pub async fn alerts(&self) -> sqlx::Result<Vec<AlertRow>> {
        sqlx::query_as!(
            AlertRow,
            r#"SELECT key, text, room_id, event_id, (extract(epoch FROM raised_at) * 1000)::int8 AS "raised_ms!", edits
               FROM provisioner.alerts ORDER BY raised_at"#
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Notes an alert that is about to be sent, or its new text, and returns it. The ledger says that it was opened.
    pub async fn set_alert(&self, key: &str, text: &str, room_id: &str) -> sqlx::Result<AlertRow> {
        sqlx::query_as!(
            AlertRow,
            r#"WITH told AS (
                 INSERT INTO provisioner.alerts (key, text, room_id) VALUES ($1, $2, $3)
                 ON CONFLICT (key) DO UPDATE SET text = excluded.text, edits = alerts.edits + 1
                 RETURNING *
               ), noted AS (
                 INSERT INTO provisioner.ledger (pass, seq, kind, cause, mode, outcome)
                 SELECT nextval('provisioner.pass'), 0, 'open_alert', key, 'enforce', 'done' FROM told WHERE edits = 0
               )
               SELECT key AS "key!", text AS "text!", room_id AS "room_id!", event_id,
                      (extract(epoch FROM raised_at) * 1000)::int8 AS "raised_ms!", edits AS "edits!" FROM told"#,
            key,
            &*text.without_nul(),
            room_id,
        )
        .fetch_one(&self.pool)
        .await
    }

    /// Notes that an alert is to be sent again, to another room.
    pub async fn move_alert(&self, key: &str, room_id: &str) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "UPDATE provisioner.alerts SET room_id = $2, event_id = NULL WHERE key = $1",
            key,
            room_id
        ))
        .await
    }

    /// Notes that an alert was sent.
    pub async fn note_alert_sent(&self, key: &str, event_id: &str) -> sqlx::Result<()> {
        self.run(sqlx::query!("UPDATE provisioner.alerts SET event_id = $2 WHERE key = $1", key, event_id)).await
    }

    /// Forgets an alert that is over. The ledger says so, too.
    pub async fn remove_alert(&self, key: &str) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "WITH closed AS (DELETE FROM provisioner.alerts WHERE key = $1 RETURNING key)
             INSERT INTO provisioner.ledger (pass, seq, kind, cause, mode, outcome)
             SELECT nextval('provisioner.pass'), 0, 'close_alert', key, 'enforce', 'done' FROM closed",
            key,
        ))
        .await
    }
}
