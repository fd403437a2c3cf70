//! Whether Synapse has pushed what happened last in each room. A listener that answers is not enough: Synapse may hold pushes
//! back after an outage, or walk through its whole history first.
//!
//! It is said only where it is sure. The newest membership of a room is compared with the inbox, which is kept for a week. It
//! is late where it is not there after [`LATE`], though an earlier event of the same room is: the room was managed, and
//! Synapse pushed, when it happened.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use provisioner_policy::how_many;
use sqlx::PgConnection;

use super::setup::Setup;
use super::{Finding, PATIENCE, database, tables};
use crate::homeserver::{Homeserver, NewestEvent};

const CHECK: &str = "pushes";

/// A push takes moments. Synapse repeats what was not taken after a second, and doubles that.
const LATE: Duration = Duration::from_secs(5 * 60);

/// Handled events leave the inbox after a week: what is nearly so old may be gone from there.
const TOLD: Duration = Duration::from_secs(6 * 24 * 3600);

/// What the inbox knows of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
struct Known {
    pushed: bool,
    /// An event of the same room came well before it.
    earlier: bool,
}

/// Compares Synapse with the inbox, in rooms that the bot is in. `now` is Synapse's clock, as what happened there is dated by
/// it. What cannot be asked has a finding of its own.
pub(super) async fn examine(
    homeserver: &Homeserver,
    setup: &Setup,
    rooms: &[String],
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let here = setup.policy.rooms.iter().filter(|room| rooms.contains(&room.id));
    let newest = here.map(async |room| Some((room, homeserver.newest_event(&room.id, "m.room.member").await.ok()??)));
    let newest = join_all(newest).await;
    let asked = async {
        let mut connection = database::connect(&database::ours(&setup.config)).await.ok()?;
        if !tables::has(&mut connection, "inbox").await.ok()? {
            return None;
        }
        let (mut late, mut pushed) = (Vec::new(), 0);
        for (room, event) in newest.iter().flatten() {
            let Some((sent, age)) = age(event, homeserver.user_id(), now) else { continue };
            let known = known(&mut connection, &event.event_id, &room.id, sent).await.ok()?;
            pushed += usize::from(known.pushed);
            late.extend(is_late(age, known).then_some((room.key.as_str(), sent)));
        }
        Some(judge(&late, pushed))
    };
    tokio::time::timeout(PATIENCE, asked).await.ok().flatten().unwrap_or_default()
}

/// When an event was sent and how long ago. Other servers date their events as they like.
fn age(event: &NewestEvent, bot: &str, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Duration)> {
    if server(&event.sender) != server(bot) {
        return None;
    }
    let sent = DateTime::from_timestamp_millis(event.origin_server_ts)?;
    Some((sent, (now - sent).to_std().unwrap_or_default()))
}

fn server(user: &str) -> Option<&str> {
    user.split_once(':').map(|(_, server)| server)
}

async fn known(connection: &mut PgConnection, event: &str, room: &str, sent: DateTime<Utc>) -> sqlx::Result<Known> {
    let asked = sqlx::query_as::<_, Known>(
        "SELECT EXISTS (SELECT FROM provisioner.inbox WHERE event_id = $1) AS pushed,
                EXISTS (SELECT FROM provisioner.inbox WHERE room_id = $2 AND received_at < $3) AS earlier",
    );
    asked.bind(event).bind(room).bind(sent - LATE).fetch_one(connection).await
}

fn is_late(age: Duration, known: Known) -> bool {
    !known.pushed && known.earlier && age > LATE && age < TOLD
}

/// `late` has the rooms and when it happened there; `pushed` counts those whose newest membership is here.
fn judge(late: &[(&str, DateTime<Utc>)], pushed: usize) -> Vec<Finding> {
    if late.is_empty() {
        let rooms = how_many(pushed, "room", "rooms");
        let pass = Finding::pass(CHECK, format!("Synapse has pushed what happened last in {rooms}"));
        return if pushed == 0 { Vec::new() } else { vec![pass] };
    }
    let rooms = late.iter().map(|(key, sent)| format!("{key} (at {})", sent.format("%Y-%m-%d %H:%M:%S UTC")));
    vec![Finding::warn(
        CHECK,
        format!(
            "Synapse reaches this service, and has not pushed what happened last in {}: it is behind, or holds pushes back",
            rooms.collect::<Vec<_>>().join(", ")
        ),
        "in Synapse's database, SELECT (SELECT max(stream_ordering) FROM events) - stream_ordering FROM \
         appservice_stream_position says how far it is behind; while that falls, wait, and where it does not, restart Synapse \
         (docs/runbook.md, Synapse pushes nothing). Rooms are read every mirror.resync_interval meanwhile",
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Duration = Duration::from_secs(600);

    #[test]
    fn an_event_is_late_only_where_it_should_be_here_for_sure() {
        let known = |pushed, earlier| Known { pushed, earlier };
        assert!(is_late(OLD, known(false, true)));
        assert!(!is_late(OLD, known(true, true)), "it is here");
        assert!(
            !is_late(OLD, known(false, false)),
            "nothing of that room was pushed before: it may not have been managed"
        );
        assert!(!is_late(LATE / 2, known(false, true)), "it may be on its way");
        assert!(!is_late(TOLD, known(false, true)), "it may have been here");
    }

    #[test]
    fn what_other_servers_date_is_not_judged() {
        let event = |sender: &str| {
            serde_json::from_value::<NewestEvent>(serde_json::json!({
                "event_id": "$e", "sender": sender, "content": {}, "origin_server_ts": 1_000,
            }))
        };
        let now = DateTime::from_timestamp(601, 0).unwrap();
        let age = |sender| age(&event(sender).unwrap(), "@bot:here:1", now).map(|(_, age)| age);
        assert_eq!(age("@a:here:1"), Some(OLD));
        assert_eq!((age("@a:there"), age("nobody")), (None, None));
    }
}
