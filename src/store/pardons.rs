//! Leaves by choice that are no longer respected.

use super::Store;

/// One pardon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pardoned {
    pub room_id: String,
    pub user_id: String,
    pub event_id: String,
}

impl Store {
    /// Every pardon.
    pub async fn pardons(&self) -> sqlx::Result<Vec<Pardoned>> {
        sqlx::query_as!(Pardoned, "SELECT room_id, user_id, event_id FROM provisioner.pardons")
            .fetch_all(&self.pool)
            .await
    }

    /// Records a pardon, replacing an older one.
    pub async fn pardon(&self, pardon: &Pardoned) -> sqlx::Result<()> {
        sqlx::query!(
            "INSERT INTO provisioner.pardons (room_id, user_id, event_id) VALUES ($1, $2, $3)
             ON CONFLICT (room_id, user_id) DO UPDATE SET event_id = excluded.event_id, pardoned_at = now()
             WHERE pardons.event_id <> excluded.event_id",
            pardon.room_id,
            pardon.user_id,
            pardon.event_id,
        )
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Records a pardon that somebody asked for, writes it to the ledger and wakes the reconciling replica.
    pub async fn ask_rejoin(&self, pardon: &Pardoned, room_key: &str, by: &str) -> sqlx::Result<()> {
        sqlx::query!(
            "WITH pardoned AS (
                 INSERT INTO provisioner.pardons (room_id, user_id, event_id) VALUES ($1, $2, $3)
                 ON CONFLICT (room_id, user_id) DO UPDATE SET event_id = excluded.event_id, pardoned_at = now()
             ), noted AS (
                 INSERT INTO provisioner.ledger (pass, seq, kind, user_id, room_id, room_key, cause, mode, outcome)
                 VALUES (nextval('provisioner.pass'), 0, 'rejoin', $2, $1, $4, 'command of ' || $5, 'enforce', 'done')
             )
             SELECT pg_notify('provisioner_requests', '')",
            pardon.room_id,
            pardon.user_id,
            pardon.event_id,
            room_key,
            by,
        )
        .fetch_one(&self.pool)
        .await
        .map(drop)
    }
}
