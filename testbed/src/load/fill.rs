//! Members by the hundred thousand, written into Synapse's own database: joining them would take hours. What is written is
//! what Synapse asks its database for when it lists members; it must not run meanwhile, for it remembers what it has read.

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};

use crate::process::random;

/// Each a copy of what one real member has, under another name and event id. Streams count backwards, as for events that came
/// later: nobody is told of them.
const COPIES: [&str; 6] = [
    "INSERT INTO events SELECT (jsonb_populate_record(model, jsonb_build_object(
         'event_id', '$' || $3 || n, 'state_key', $4 || n || $5, 'sender', $4 || n || $5,
         'stream_ordering', (SELECT least(min(stream_ordering), 0) FROM events) - n))).*
     FROM events AS model, generate_series(1, $6::bigint) AS n WHERE model.event_id = $1 AND $2 <> ''",
    "INSERT INTO event_json SELECT (jsonb_populate_record(model, jsonb_build_object(
         'event_id', '$' || $3 || n, 'json', replace(model.json, $2, $4 || n || $5)))).*
     FROM event_json AS model, generate_series(1, $6::bigint) AS n WHERE model.event_id = $1",
    "INSERT INTO state_events SELECT (jsonb_populate_record(model, jsonb_build_object(
         'event_id', '$' || $3 || n, 'state_key', $4 || n || $5))).*
     FROM state_events AS model, generate_series(1, $6::bigint) AS n WHERE model.event_id = $1 AND $2 <> ''",
    "INSERT INTO room_memberships SELECT (jsonb_populate_record(model, jsonb_build_object(
         'event_id', '$' || $3 || n, 'user_id', $4 || n || $5, 'sender', $4 || n || $5))).*
     FROM room_memberships AS model, generate_series(1, $6::bigint) AS n WHERE model.event_id = $1 AND $2 <> ''",
    "INSERT INTO current_state_events SELECT (jsonb_populate_record(model, jsonb_build_object(
         'event_id', '$' || $3 || n, 'state_key', $4 || n || $5))).*
     FROM current_state_events AS model, generate_series(1, $6::bigint) AS n WHERE model.event_id = $1 AND $2 <> ''",
    "INSERT INTO local_current_membership SELECT (jsonb_populate_record(model, jsonb_build_object(
         'event_id', '$' || $3 || n, 'user_id', $4 || n || $5))).*
     FROM local_current_membership AS model, generate_series(1, $6::bigint) AS n WHERE model.event_id = $1 AND $2 <> ''",
];

/// Makes so many members more of a room, like this one, who is there by their own event.
pub(super) async fn members(database: &str, room: &str, model: &str, count: usize) -> Result<()> {
    let count = i64::try_from(count).context("count members")?;
    let mut connection = PgConnection::connect(database).await.context("connect to Synapse's database")?;
    let event: String = sqlx::query_scalar(
        "SELECT event_id FROM current_state_events WHERE room_id = $1 AND type = 'm.room.member' AND state_key = $2",
    )
    .bind(room)
    .bind(model)
    .fetch_one(&mut connection)
    .await
    .context("find the member who is copied")?;
    let (word, (_, server)) = (random::word(), model.split_once(':').context("a user without a server")?);
    for copy in COPIES {
        sqlx::query(copy)
            .bind(&event)
            .bind(model)
            .bind(&word)
            .bind(format!("@{word}-"))
            .bind(format!(":{server}"))
            .bind(count)
            .execute(&mut connection)
            .await
            .with_context(|| format!("write members: {copy}"))?;
    }
    let counted = "UPDATE room_stats_current SET joined_members = joined_members + $2,
                          local_users_in_room = local_users_in_room + $2 WHERE room_id = $1";
    sqlx::query(counted).bind(room).bind(count).execute(&mut connection).await.context("count the members")?;
    sqlx::query("ANALYZE").execute(&mut connection).await.context("look at the tables")?;
    Ok(())
}
