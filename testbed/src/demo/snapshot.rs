//! Who is in which room, as Synapse has it, and how two such readings differ.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use comfy_table::{Cell, Color};
use serde_json::Value;

use super::cast::{Actor, CAST};
use super::house::House;
use super::rooms::Room;
use super::screen::{Screen, coloured};

/// One reading of the four rooms and of `team_members`.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Membership by user id (`left` is a leave by choice), in the order of [`Room::ALL`].
    rooms: Vec<BTreeMap<String, String>>,
    /// Rows by subject, as `analysts lead`.
    rows: BTreeMap<String, Vec<String>>,
}

impl Snapshot {
    /// Reads all of it, from Synapse's admin API and from the table.
    ///
    /// # Errors
    /// When Synapse or Postgres fails.
    pub(crate) async fn take(house: &House) -> Result<Snapshot> {
        let mut rooms = Vec::new();
        for id in &house.rooms {
            let events = house.bot.all_state(id).await?;
            rooms.push(events.iter().filter(|event| event["type"] == "m.room.member").map(membership).collect());
        }
        let mut rows = BTreeMap::<String, Vec<String>>::new();
        for (subject, team, role) in house.hasura.rows().await? {
            let row = if role == "member" { team } else { format!("{team} {role}") };
            rows.entry(subject).or_default().push(row);
        }
        Ok(Snapshot { rooms, rows })
    }

    fn membership(&self, house: &House, actor: &Actor, room: Room) -> &str {
        self.rooms[room.index()].get(&house.mxid(actor)).map_or("none", String::as_str)
    }

    /// The rooms somebody is joined to.
    pub(crate) fn joined(&self, house: &House, actor: &Actor) -> BTreeSet<Room> {
        Room::ALL.into_iter().filter(|room| self.membership(house, actor, *room) == "join").collect()
    }

    /// Whether somebody still waits with an invitation.
    fn invited(&self, house: &House, actor: &Actor) -> bool {
        Room::ALL.into_iter().any(|room| self.membership(house, actor, room) == "invite")
    }

    /// What differs from what the cast should have come to.
    pub(crate) fn differences(&self, house: &House, wanted: impl Fn(&Actor) -> BTreeSet<Room>) -> Vec<String> {
        let wrong = CAST.iter().filter(|one| self.joined(house, one) != wanted(one) || self.invited(house, one));
        wrong
            .map(|one| {
                format!("{} is in {:?} and should be in {:?}", one.label(), self.joined(house, one), wanted(one))
            })
            .collect()
    }

    /// A row a person who has anything to show, a column a room; with the changes since `before` marked.
    pub(crate) fn show(&self, screen: &Screen, house: &House, before: Option<&Snapshot>) {
        let names = Room::ALL.map(Room::name);
        let mut table = screen.table(&[&["who", "rows in team_members"][..], &names[..]].concat());
        for actor in &CAST {
            let rows = self.rows.get(actor.sub).map(|rows| rows.join(", ")).unwrap_or_default();
            let cells = Room::ALL.map(|room| {
                let now = self.membership(house, actor, room);
                let then = before.map_or(now, |before| before.membership(house, actor, room));
                mark(then, now, actor.is_exempt())
            });
            let silent = |snapshot: &Snapshot| {
                !snapshot.rows.contains_key(actor.sub)
                    && Room::ALL.iter().all(|room| snapshot.membership(house, actor, *room) == "none")
            };
            if silent(self) && before.is_none_or(silent) {
                continue;
            }
            let rows = if actor.is_exempt() { Cell::new("(exempt)") } else { Cell::new(rows) };
            table.add_row([Cell::new(actor.label()), rows].into_iter().chain(cells));
        }
        screen.say(&table.to_string());
    }
}

fn membership(event: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let membership = text(&event["content"]["membership"]);
    let by_choice = membership == "leave" && event["sender"] == event["state_key"];
    (text(&event["state_key"]), if by_choice { "left".to_owned() } else { membership })
}

fn mark(before: &str, now: &str, by_hand: bool) -> Cell {
    match (before, now) {
        (before, "join") if before != "join" && by_hand => coloured("+ by hand", Color::Yellow),
        (before, "join") if before != "join" => coloured("+ joined", Color::Green),
        ("join" | "none", "leave") => coloured("− removed", Color::Red),
        (before, "left") if before != "left" => coloured("− left", Color::Yellow),
        (_, "join") => Cell::new("●"),
        (_, "invite") => coloured("invited", Color::Yellow),
        (_, "ban") => coloured("banned", Color::Yellow),
        _ => Cell::new(""),
    }
}
