//! Strangers: places that somebody got by another hand than ours while nothing entitled them to it.

use chrono::{DateTime, Utc};

use super::Store;
use super::nul::WithoutNul;

/// No user has a longer id, in bytes (Matrix specification, *Size limits*).
const MXID_MAX_BYTES: usize = 255;

/// One place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrangerRow {
    /// As in `[modes]`.
    pub class: String,
    /// Empty for what is about the server.
    pub room_id: String,
    pub user_id: String,
}

impl Store {
    /// Every place that is noted.
    pub async fn strangers(&self) -> sqlx::Result<Vec<StrangerRow>> {
        sqlx::query_as!(StrangerRow, "SELECT class, room_id, user_id FROM provisioner.strangers")
            .fetch_all(&self.pool)
            .await
    }

    /// Notes places, but for those of names that can be nobody's.
    pub async fn note_strangers(&self, rows: &[StrangerRow]) -> sqlx::Result<()> {
        let [classes, rooms, users] = columns(rows);
        self.run(sqlx::query!(
            "INSERT INTO provisioner.strangers (class, room_id, user_id)
             SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING",
            &classes,
            &rooms,
            &users,
        ))
        .await
    }

    /// Whether somebody's place in a room was given by us, or was rightful just now: the last that the ledger says of them there is
    /// that we joined them, since `ours_since`, or that their removal is held, within a week. A room keeps its key when it is
    /// replaced.
    pub async fn was_rightful(&self, user_id: &str, room_key: &str, ours_since: DateTime<Utc>) -> sqlx::Result<bool> {
        sqlx::query_scalar!(
            r#"SELECT COALESCE((
                 SELECT kind = 'join' OR outcome = 'held' FROM provisioner.ledger
                 WHERE user_id = $1 AND room_key = $2 AND (
                     kind = 'join' AND outcome IN ('started', 'done') AND at > $3
                     OR kind = 'remove' AND outcome IN ('started', 'done', 'held') AND at > now() - interval '7 days'
                   )
                 ORDER BY id DESC LIMIT 1
               ), false) AS "was!""#,
            &*user_id.without_nul(),
            room_key,
            ours_since,
        )
        .fetch_one(&self.pool)
        .await
    }

    /// Forgets places.
    pub async fn forget_strangers(&self, rows: &[StrangerRow]) -> sqlx::Result<()> {
        let [classes, rooms, users] = columns(rows);
        self.run(sqlx::query!(
            "DELETE FROM provisioner.strangers USING UNNEST($1::text[], $2::text[], $3::text[]) AS gone (class, room, person)
             WHERE strangers.class = gone.class AND room_id = gone.room AND user_id = gone.person",
            &classes,
            &rooms,
            &users,
        )).await
    }
}

/// Power levels may list any name: with NUL, or longer than an index takes. Such a place is left out, and counts as rightful after a
/// restart.
fn columns(rows: &[StrangerRow]) -> [Vec<String>; 3] {
    let can_exist = |row: &&StrangerRow| row.user_id.len() <= MXID_MAX_BYTES && !row.user_id.contains('\0');
    let rows: Vec<&StrangerRow> = rows.iter().filter(can_exist).collect();
    let column = |of: fn(&StrangerRow) -> &String| rows.iter().map(|row| of(row).clone()).collect();
    [column(|row| &row.class), column(|row| &row.room_id), column(|row| &row.user_id)]
}
