//! Cleared leaves: leaves by choice that are no longer respected. The table is `provisioner.pardons`.

use super::Store;
use super::nul::WithoutNul;

/// One cleared leave, bound to the event of that leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearedLeaveRow {
    pub room_id: String,
    pub user_id: String,
    pub event_id: String,
}

impl Store {
    /// Every cleared leave.
    pub async fn cleared_leaves(&self) -> sqlx::Result<Vec<ClearedLeaveRow>> {
        sqlx::query_as!(ClearedLeaveRow, "SELECT room_id, user_id, event_id FROM provisioner.pardons")
            .fetch_all(&self.pool)
            .await
    }

    /// Clears a leave, in place of an older one of the same user and room.
    pub async fn clear_leave(&self, cleared: &ClearedLeaveRow) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "INSERT INTO provisioner.pardons (room_id, user_id, event_id) VALUES ($1, $2, $3)
             ON CONFLICT (room_id, user_id) DO UPDATE SET event_id = excluded.event_id, pardoned_at = now()
             WHERE pardons.event_id <> excluded.event_id",
            cleared.room_id,
            &*cleared.user_id.without_nul(),
            &*cleared.event_id.without_nul(),
        ))
        .await
    }

    /// Clears a leave because somebody asked for it, writes it to the ledger and wakes the reconciling replica.
    pub async fn ask_rejoin(&self, cleared: &ClearedLeaveRow, room_key: &str, by: &str) -> sqlx::Result<()> {
        sqlx::query!(
            "WITH pardoned AS (
                 INSERT INTO provisioner.pardons (room_id, user_id, event_id) VALUES ($1, $2, $3)
                 ON CONFLICT (room_id, user_id) DO UPDATE SET event_id = excluded.event_id, pardoned_at = now()
             ), noted AS (
                 INSERT INTO provisioner.ledger (pass, seq, kind, user_id, room_id, room_key, cause, mode, outcome)
                 VALUES (nextval('provisioner.pass'), 0, 'rejoin', $2, $1, $4, 'command of ' || $5, 'enforce', 'done')
             )
             SELECT pg_notify('provisioner_requests', '')",
            cleared.room_id,
            cleared.user_id,
            cleared.event_id,
            room_key,
            by,
        )
        .fetch_one(&self.pool)
        .await
        .map(drop)
    }
}
