//! Rooms whose policy was moved to the room that replaced them.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Store;
use super::nul::WithoutNul;

/// A room that is followed.
#[derive(Clone, Debug, PartialEq)]
pub struct Follow {
    /// The room ID in the file.
    pub configured_id: String,
    pub followed_id: String,
    pub followed_at: DateTime<Utc>,
    pub followed_by: String,
    /// `[[user, event]]`: who had left the old room by choice.
    pub departures: Value,
}

/// A move to be recorded.
#[derive(Clone, Debug)]
pub struct NewFollow<'a> {
    pub room_key: &'a str,
    pub configured_id: &'a str,
    /// The room that was followed until now: the configured one, or a successor of it.
    pub from: &'a str,
    pub followed_id: &'a str,
    pub by: &'a str,
    /// For the ledger.
    pub cause: &'a str,
    pub departures: &'a Value,
}

impl Store {
    /// Every room that is followed, whether the file still needs it or not.
    pub async fn follows(&self) -> sqlx::Result<Vec<Follow>> {
        sqlx::query_as!(
            Follow,
            "SELECT configured_id, followed_id, followed_at, followed_by, departures FROM provisioner.follows",
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Records a move, in the ledger too, and tells every replica.
    pub async fn follow(&self, new: &NewFollow<'_>) -> sqlx::Result<()> {
        let NewFollow { room_key, configured_id, from, followed_id, by, cause, departures } = *new;
        sqlx::query!(
            "WITH followed AS (
                 INSERT INTO provisioner.follows (configured_id, room_key, followed_id, followed_by, departures)
                 VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (configured_id) DO UPDATE
                 SET room_key = excluded.room_key, followed_id = excluded.followed_id, followed_at = now(),
                     followed_by = excluded.followed_by, departures = excluded.departures
             ), noted AS (
                 INSERT INTO provisioner.ledger (pass, seq, kind, room_id, room_key, before, after, cause, mode, outcome)
                 VALUES (nextval('provisioner.pass'), 0, 'follow', $3, $2, to_jsonb($6::text), to_jsonb($3::text), $7,
                         'enforce', 'done')
             )
             SELECT pg_notify('provisioner_follows', ''), pg_notify('provisioner_requests', '')",
            configured_id,
            room_key,
            followed_id,
            by,
            &*departures.without_nul(),
            from,
            &*cause.without_nul(),
        )
        .fetch_one(&self.pool)
        .await
        .map(drop)
    }
}
