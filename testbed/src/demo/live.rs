//! Single rows changed under the running service, and how long each took to reach the rooms.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use comfy_table::Cell;
use testbed::wait_until;

use super::cast::{Actor, by_name};
use super::house::{HOOK_SECRET, House};
use super::rooms::Room;
use super::screen::Screen;

/// Longer than one poll of the table, so that a lost wake-up shows as a delay and not as a failure.
const BOUND: Duration = Duration::from_secs(45);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RosterEdit {
    Insert,
    Delete,
}

struct Row {
    who: &'static str,
    team: &'static str,
    deed: RosterEdit,
    /// The rooms that change for them.
    rooms: &'static [Room],
    /// Whether the service is told by the webhook instead of LISTEN.
    by_webhook: bool,
}

const ROWS: [Row; 3] = [
    Row {
        who: "Rosa",
        team: "experiencers",
        deed: RosterEdit::Insert,
        rooms: &[Room::Experiencers],
        by_webhook: false,
    },
    Row {
        who: "Juno",
        team: "experiencers",
        deed: RosterEdit::Delete,
        rooms: &[Room::Experiencers],
        by_webhook: false,
    },
    Row { who: "Sven", team: "staff", deed: RosterEdit::Insert, rooms: &[Room::Staff], by_webhook: true },
];

/// Changes one row after the other, waits for each, and shows the delays.
///
/// # Errors
/// When a change does not reach the rooms.
pub(crate) async fn play(screen: &Screen, house: &House) -> Result<()> {
    let mut table = screen.table(&["row", "the service is told by", "on Synapse", "delay"]);
    for row in &ROWS {
        let actor = by_name(row.who);
        let label = match row.deed {
            RosterEdit::Insert => format!("{} added to {}", actor.name, row.team),
            RosterEdit::Delete => format!("{} deleted from {}", actor.name, row.team),
        };
        let committed = change(house, row, actor).await.with_context(|| label.clone())?;
        let by = if row.by_webhook { "webhook (NOTIFY is off)" } else { "LISTEN/NOTIFY" };
        let (verb, wanted) = match row.deed {
            RosterEdit::Insert => ("joined to", "join"),
            RosterEdit::Delete => ("removed from", "leave"),
        };
        for (index, room) in row.rooms.iter().enumerate() {
            let delay =
                arrival(house, &actor.label(), &house.mxid(actor), *room, wanted).await?.saturating_sub(committed);
            let (first, second) = if index == 0 { (label.as_str(), by) } else { ("", "") };
            let result = format!("{verb} {}", room.name());
            table.add_row([first, second, &result, &format!("{} ms", delay.as_millis())].map(Cell::new));
        }
    }
    screen.say(&table.to_string());
    Ok(())
}

/// Where somebody should be once the rows of this act are changed too.
pub(crate) fn should_be_in(actor: &Actor) -> BTreeSet<Room> {
    let mut rooms = actor.should_be_in();
    for row in ROWS.iter().filter(|row| row.who == actor.name) {
        match row.deed {
            RosterEdit::Insert => rooms.extend(row.rooms),
            RosterEdit::Delete => rooms.retain(|room| !row.rooms.contains(room)),
        }
    }
    rooms
}

/// Changes the row and gives the time at which that was done.
async fn change(house: &House, row: &Row, actor: &Actor) -> Result<Duration> {
    if row.by_webhook {
        house.hasura.execute("ALTER TABLE team_members DISABLE TRIGGER team_members_changed").await?;
    }
    match row.deed {
        RosterEdit::Insert => house.hasura.add(actor.sub, row.team, "member").await?,
        RosterEdit::Delete => house.hasura.remove(actor.sub, row.team).await?,
    }
    let committed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("read the clock")?;
    if row.by_webhook {
        call_webhook(house).await?;
        house.hasura.execute("ALTER TABLE team_members ENABLE TRIGGER team_members_changed").await?;
    }
    Ok(committed)
}

/// As Hasura's event trigger does.
async fn call_webhook(house: &House) -> Result<()> {
    let url = format!("http://{}/hooks/roster", house.admin);
    let body = serde_json::json!({ "table": { "schema": "public", "name": "team_members" } });
    let request = reqwest::Client::new().post(url).header("x-provisioner-secret", HOOK_SECRET).json(&body);
    let answer = request.send().await.context("call the roster hook")?;
    ensure!(answer.status().is_success(), "the roster hook answered {}", answer.status());
    Ok(())
}

/// Waits for a membership and gives the time Synapse wrote it at.
///
/// # Errors
/// When it does not come.
pub(crate) async fn arrival(house: &House, who: &str, mxid: &str, room: Room, wanted: &str) -> Result<Duration> {
    let mut written = None;
    let what = format!("{who} has membership {wanted} in {}", room.name());
    wait_until(&what, BOUND, async || {
        let events = house.bot.all_state(house.room(room)).await.unwrap_or_default();
        let found = events.iter().find(|event| event["state_key"] == mxid && event["type"] == "m.room.member");
        let event = found.filter(|event| event["content"]["membership"] == wanted);
        written = event.and_then(|event| event["origin_server_ts"].as_u64());
        written.is_some()
    })
    .await?;
    written.map(Duration::from_millis).context("the event has a time")
}
