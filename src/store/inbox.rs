//! The inbox: what matters of the homeserver's transactions. Any replica appends, the reconciling one reads.

use chrono::{DateTime, Utc};

use super::Store;
use super::nul::WithoutNul;

/// One event, as pushed.
#[derive(Clone, Debug)]
pub struct InboxRow {
    pub id: i64,
    pub event_id: String,
    pub room_id: String,
    pub event_type: String,
    /// The whole event, JSON, until it is handled.
    pub event: String,
    /// By the database's clock.
    pub received_at: DateTime<Utc>,
}

/// A leave by choice that a pushed event was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLeave {
    pub event_id: String,
    pub user_id: String,
    pub room_id: String,
    pub room_key: String,
    /// Otherwise Synapse did not say what was before.
    pub was_joined: bool,
}

impl Store {
    /// Appends events and wakes the reconciling replica, in one statement. Events seen before are left out.
    /// The slices are columns of one table: event id, room id, type, event.
    pub async fn append_inbox(
        &self,
        event_ids: &[String],
        room_ids: &[String],
        types: &[String],
        events: &[String],
    ) -> sqlx::Result<u64> {
        let appended = sqlx::query_scalar!(
            r#"WITH appended AS (
                 INSERT INTO provisioner.inbox (event_id, room_id, type, event)
                 SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[])
                 ON CONFLICT (event_id) DO NOTHING
                 RETURNING 1
               )
               SELECT count(*) AS "count!" FROM appended, LATERAL (SELECT pg_notify('provisioner_inbox', '')) AS woken"#,
            event_ids,
            room_ids,
            types,
            events,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(appended.unsigned_abs())
    }

    /// Events nobody has handled yet, oldest first.
    pub async fn unhandled_inbox(&self, limit: i64) -> sqlx::Result<Vec<InboxRow>> {
        sqlx::query_as!(
            InboxRow,
            "SELECT id, event_id, room_id, type AS event_type, event, received_at FROM provisioner.inbox
             WHERE handled_at IS NULL ORDER BY id LIMIT $1",
            limit,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Events of these types in a room that were pushed within the window, newest first: whole ones, and what is kept of those
    /// that were handled.
    pub async fn events_lately(
        &self,
        room_id: &str,
        types: &[String],
        window_seconds: f64,
    ) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar!(
            "SELECT event FROM provisioner.inbox
             WHERE received_at > now() - make_interval(secs => $3) AND room_id = $1 AND type = ANY($2)
             ORDER BY received_at DESC, id DESC LIMIT 1000",
            room_id,
            types,
            window_seconds,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Redactions in a room that name both this event and this user, pushed within the window. Whoever else redacts, and however much,
    /// is not among them.
    pub async fn redactions_lately(
        &self,
        room_id: &str,
        event_id: &str,
        sender: &str,
        window_seconds: f64,
    ) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar!(
            "SELECT event FROM provisioner.inbox
             WHERE received_at > now() - make_interval(secs => $4) AND room_id = $1 AND type = 'm.room.redaction'
               AND strpos(event, $2) > 0 AND strpos(event, $3) > 0
             ORDER BY received_at DESC, id DESC LIMIT 100",
            room_id,
            event_id,
            sender,
            window_seconds,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Marks events as handled, and keeps of each what is given beside its id. What was said in the Staff room, and nothing
    /// else in the inbox is a message or a reaction, goes to the commands in the same statement: it is there exactly once, and
    /// its words no longer are here. Leaves by choice go to the ledger in the same way.
    pub async fn mark_inbox_handled(&self, ids: &[i64], kept: &[String], left: &[OwnLeave]) -> sqlx::Result<()> {
        let column = |of: fn(&OwnLeave) -> &String| -> Vec<String> {
            left.iter().map(|one| of(one).without_nul().into_owned()).collect()
        };
        let was_joined: Vec<bool> = left.iter().map(|one| one.was_joined).collect();
        self.run(sqlx::query!(
            "WITH departed AS (
                 INSERT INTO provisioner.ledger (pass, seq, kind, user_id, room_id, room_key, before, after, cause, mode, outcome)
                 SELECT nextval('provisioner.pass'), 0, 'leave', gone.user_id, gone.room_id, gone.room_key,
                        CASE WHEN gone.was_joined THEN to_jsonb('join'::text) END, to_jsonb('leave'::text),
                        'left by their own choice: event ' || gone.event_id, 'enforce', 'done'
                 FROM UNNEST($3::text[], $4::text[], $5::text[], $6::text[], $7::bool[])
                          AS gone (event_id, user_id, room_id, room_key, was_joined)
                      JOIN provisioner.inbox AS pushed USING (event_id)
                 WHERE pushed.handled_at IS NULL ORDER BY pushed.id
             ), said AS (
                 INSERT INTO provisioner.commands (event_id, room_id, event, received_at)
                 SELECT event_id, room_id, event, received_at FROM provisioner.inbox
                 WHERE id = ANY($1) AND type IN ('m.room.message', 'm.reaction') ORDER BY id
                 ON CONFLICT (event_id) DO NOTHING
                 RETURNING pg_notify('provisioner_commands', '')
             )
             UPDATE provisioner.inbox AS handled
             SET handled_at = now(),
                 event = CASE WHEN type IN ('m.room.message', 'm.reaction') THEN '' ELSE kept.event END
             FROM UNNEST($1::bigint[], $2::text[]) AS kept (id, event)
             WHERE handled.id = kept.id",
            ids,
            kept,
            &column(|one| &one.event_id),
            &column(|one| &one.user_id),
            &column(|one| &one.room_id),
            &column(|one| &one.room_key),
            &was_joined,
        )).await
    }
}
