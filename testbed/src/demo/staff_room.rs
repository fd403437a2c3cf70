//! The Staff room: the guard asks before three people lose a room at once, somebody who may decide taps, and sees what came of it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use testbed::{Admin, wait_until};

use super::cast::{Actor, by_name};
use super::changes::MODERATOR;
use super::house::House;
use super::rooms::Room;
use super::screen::Screen;
use super::snapshot::Snapshot;
use super::{live, play};

/// Longer than the service takes to ask, and to say what came of it.
const BOUND: Duration = Duration::from_secs(60);

/// Their rows go in one statement.
const LEAVERS: [&str; 3] = ["Dan", "Eve", "Kim"];
const TEAM: &str = "analysts";

/// Deletes the rows, shows what the bot asks in Staff, taps, and shows what it says then.
///
/// # Errors
/// When somebody is removed before the tap, or not after it, or the bot says nothing.
pub(crate) async fn play(screen: &Screen, house: &House) -> Result<()> {
    let decider = by_name(MODERATOR);
    let client = house.hands_of(decider).await?;
    let subs: Vec<String> = LEAVERS.iter().map(|name| format!("'{}'", by_name(name).sub)).collect();
    let rows = format!("DELETE FROM team_members WHERE user_id::text IN ({})", subs.join(", "));
    house.hasura.execute(&rows).await?;
    screen.say(&format!("=> DELETE FROM team_members WHERE …;   -- {}, of {TEAM}\n", LEAVERS.join(", ")));
    let asked = format!("{} people would be removed", LEAVERS.len());
    let post = until_said(house, &client, None, &asked).await?;
    screen.say(&format!("Staff, as {MODERATOR}'s client shows it (without colours):\n"));
    screen.message(&post.body);
    play::right(&Snapshot::take(house).await?, house, live::should_be_in)?;
    screen.good("nobody was removed so far");

    screen.say(&format!("\n{MODERATOR} taps ✅\n"));
    tap(house, &client, &post.id).await?;
    let decided = until_said(house, &client, Some(&post.id), "Done: ").await?;
    let first: Vec<&str> = decided.body.lines().take(1).collect();
    screen.message(&first.join("\n"));
    for name in LEAVERS {
        let actor = by_name(name);
        live::arrival(house, &actor.label(), &house.mxid(actor), Room::Analysts, "leave").await?;
    }
    play::right(&Snapshot::take(house).await?, house, should_be_in)?;
    screen.good("the three are out of Analysts, and keep The Red Room");
    screen.say("How it looks on a phone: docs/staff-room.md");
    Ok(())
}

/// Where somebody should be at the end.
pub(crate) fn should_be_in(actor: &Actor) -> BTreeSet<Room> {
    let mut rooms = live::should_be_in(actor);
    if LEAVERS.contains(&actor.name) {
        rooms.remove(&Room::Analysts);
    }
    rooms
}

struct Post {
    id: String,
    /// As it is now, after edits.
    body: String,
}

/// Waits until the bot says this: in a message of its own, or in the one with this id.
async fn until_said(house: &House, client: &Admin, id: Option<&str>, words: &str) -> Result<Post> {
    let mut found = None;
    wait_until(&format!("the bot says {words:?} in Staff"), BOUND, async || {
        let events = client.messages(house.room(Room::Staff), 100).await.unwrap_or_default();
        found = posts(&events, &house.bot.mxid)
            .into_iter()
            .find(|post| id.is_none_or(|id| post.id == id) && post.body.contains(words));
        found.is_some()
    })
    .await?;
    found.context("it was just there")
}

/// The bot's messages with the words of their last edit. `events` come newest first.
fn posts(events: &[Value], bot: &str) -> Vec<Post> {
    let by_bot = || events.iter().filter(|event| event["type"] == "m.room.message" && event["sender"] == bot);
    let is_edit = |event: &Value| event["content"]["m.relates_to"]["rel_type"] == "m.replace";
    let of = |text: &Value| text.as_str().unwrap_or_default().to_owned();
    by_bot()
        .filter(|event| !is_edit(event))
        .map(|event| {
            let id = of(&event["event_id"]);
            let edit = by_bot().find(|edit| is_edit(edit) && edit["content"]["m.relates_to"]["event_id"] == *id);
            let body = edit.map_or(&event["content"]["body"], |edit| &edit["content"]["m.new_content"]["body"]);
            Post { body: of(body), id }
        })
        .collect()
}

/// A reaction, as a client sends it.
async fn tap(house: &House, client: &Admin, to: &str) -> Result<()> {
    let path = format!("/_matrix/client/v3/rooms/{}/send/m.reaction/tap", house.room(Room::Staff));
    let relation = json!({ "rel_type": "m.annotation", "event_id": to, "key": "✅" });
    client.call(Method::PUT, &path, Some(json!({ "m.relates_to": relation }))).await.map(drop)
}
