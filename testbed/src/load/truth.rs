//! What is true on Synapse: read from its own database, so that neither side is asked and neither pays for the asking.

use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::synapse::Synapse;
use crate::wait::{wait_until, watch_until};

/// The directory falls behind with the square of a room's members.
const SETTLE_BOUND: Duration = Duration::from_secs(600);

/// Synapse's database. A question costs it a fraction of a millisecond.
#[derive(Debug, Clone)]
pub(super) struct Truth {
    pool: PgPool,
}

impl Truth {
    pub(super) fn of(synapse: &Synapse) -> Result<Truth> {
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy(&synapse.database_url());
        Ok(Truth { pool: pool.context("read the address of Synapse's database")? })
    }

    /// Waits until these rooms have so many local members together, and looks every `pause`.
    pub(super) async fn until_joined(
        &self,
        rooms: &[String],
        members: usize,
        pause: Duration,
        bound: Duration,
    ) -> Result<()> {
        let what = format!("{} rooms have {members} members", rooms.len());
        let wanted = i64::try_from(members).context("count members")?;
        watch_until(&what, bound, pause, async || self.members(rooms).await.is_ok_and(|now| now >= wanted))
            .await
            .with_context(|| format!("rooms: {rooms:?}"))
    }

    /// Waits until somebody is in a room, and looks every `pause`.
    pub(super) async fn until_member(&self, room: &str, mxid: &str, pause: Duration, bound: Duration) -> Result<()> {
        let sql = "SELECT EXISTS (SELECT FROM local_current_membership
                                  WHERE user_id = $1 AND room_id = $2 AND membership = 'join')";
        watch_until(&format!("{mxid} is in {room}"), bound, pause, async || {
            let asked = sqlx::query_scalar(sql).bind(mxid).bind(room).fetch_one(&self.pool).await;
            asked.is_ok_and(|there: bool| there)
        })
        .await
    }

    async fn members(&self, rooms: &[String]) -> Result<i64> {
        self.count(
            "SELECT count(*) FROM local_current_membership WHERE membership = 'join' AND room_id = ANY($1)",
            rooms,
        )
        .await
    }

    /// How many chat messages a room holds.
    pub(super) async fn messages(&self, room: &str) -> Result<i64> {
        self.count(
            "SELECT count(*) FROM events WHERE type = 'm.room.message' AND room_id = ANY($1)",
            &[room.to_owned()],
        )
        .await
    }

    /// How many membership events these rooms hold.
    pub(super) async fn membership_events(&self, rooms: &[String]) -> Result<i64> {
        self.count("SELECT count(*) FROM room_memberships WHERE room_id = ANY($1)", rooms).await
    }

    /// How many rows the user directory has about pairs of users who share a room.
    pub(super) async fn directory_rows(&self) -> Result<i64> {
        let sql = "SELECT (SELECT count(*) FROM users_who_share_private_rooms)
                        + (SELECT count(*) FROM users_in_public_rooms)
                   WHERE $1::text[] IS NOT NULL";
        self.count(sql, &[]).await
    }

    /// Waits until Synapse's user directory knows of everything that has happened, so that nobody's next turn pays for the
    /// last one.
    pub(super) async fn until_settled(&self) -> Result<()> {
        wait_until("the user directory has caught up", SETTLE_BOUND, async || {
            let behind = "SELECT count(*) FROM current_state_delta_stream
                          WHERE stream_id > (SELECT stream_id FROM user_directory_stream_pos)
                            AND room_id <> ALL($1)";
            self.count(behind, &[]).await.is_ok_and(|behind| behind == 0)
        })
        .await
    }

    async fn count(&self, sql: &'static str, rooms: &[String]) -> Result<i64> {
        sqlx::query_scalar(sql).bind(rooms).fetch_one(&self.pool).await.context("ask Synapse's database")
    }
}
