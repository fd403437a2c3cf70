//! Rooms that were replaced and whose policy was moved to the successor, while the file still names the old one.

use crate::policy::RoomIx;
use crate::policy::{Followed, Policy};
use crate::world::World;

impl Policy {
    /// Moves rooms to their successors, afresh each time. A file that names another id than the configured one has been
    /// mended since, and wins. A successor that was replaced in turn is followed on.
    pub fn follow(&mut self, known: Vec<Followed>) {
        for moved in std::mem::take(&mut self.followed) {
            self.rooms
                .iter_mut()
                .filter(|room| room.id == moved.id)
                .for_each(|room| room.id.clone_from(&moved.configured));
        }
        for room in &mut self.rooms {
            let configured = room.id.clone();
            let mut seen = vec![configured.clone()];
            let mut last = None;
            while let Some(next) = known.iter().find(|one| one.configured == room.id && !seen.contains(&one.id)) {
                room.id.clone_from(&next.id);
                seen.push(next.id.clone());
                last = Some(next);
            }
            // A file that names the successor has been mended: who had left the room before it is remembered all the same.
            let last = last.or_else(|| known.iter().find(|one| one.id == room.id && one.configured != room.id));
            self.followed.extend(last.map(|last| Followed { configured: configured.clone(), ..last.clone() }));
            let first = first_of(&known, configured);
            room.replaced = (first != room.id).then_some(first);
        }
    }

    /// How a room is followed, where it is, by the id it has now.
    pub fn followed(&self, id: &str) -> Option<&Followed> {
        self.followed.iter().find(|one| one.id == id)
    }
}

/// The room that was replaced first, of those that led to `id`.
fn first_of(known: &[Followed], id: String) -> String {
    let mut chain = vec![id];
    while let Some(before) = known.iter().find(|one| chain.last() == Some(&one.id) && !chain.contains(&one.configured))
    {
        chain.push(before.configured.clone());
    }
    chain.pop().unwrap_or_default()
}

impl Followed {
    /// Whether the file names the successor by now: nobody has to write it.
    pub fn is_in_the_file(&self) -> bool {
        self.configured == self.id
    }

    /// The leave by choice that `user` took along from the room before.
    pub fn left_by(&self, user: &str) -> Option<&str> {
        self.voluntary_leaves.iter().find(|(mxid, _)| mxid == user).map(|(_, event_id)| event_id.as_str())
    }
}

/// Why a tombstone is no upgrade, as a clause about it. `named` is the room that it names, empty for none.
pub fn no_upgrade(named: &str) -> String {
    match named {
        "" => "that names no other room".to_owned(),
        named => format!("that names {named}, which does not say that it replaces this room"),
    }
}

impl World {
    /// What became of a room that was replaced.
    pub fn tombstone_notice(&self, room: RoomIx) -> Option<String> {
        let key = room.key(self);
        let mirror = self.room(room);
        let by = mirror.state("m.room.tombstone").map(|event| &*event.sender).filter(|sender| !sender.is_empty());
        let by = by.unwrap_or("somebody");
        Some(match (mirror.named_successor()?, mirror.is_upgraded()) {
            (successor, Some(true)) => format!(
                "room {key} was replaced by {successor}{}: nothing is enforced in it; `phenom-provisioner follow {key}` moves \
                 its policy there",
                self.upgraded_by(room)
            ),
            (successor, None) => format!(
                "{by} sent a tombstone for room {key} that names {successor}: nothing is enforced in it until that room has been \
                 looked at"
            ),
            (named, Some(false)) => format!(
                "{by} sent a tombstone for room {key} {}: that is no upgrade, and the room is enforced as before; redact it, or \
                 clients show the room as closed",
                no_upgrade(named)
            ),
        })
    }

    /// Who replaced the room and who made its successor: clauses to follow the successor's name, empty where they are not known.
    pub fn upgraded_by(&self, room: RoomIx) -> String {
        let mirror = self.room(room);
        let buried_by =
            mirror.state("m.room.tombstone").map(|event| &*event.sender).filter(|sender| !sender.is_empty());
        match (buried_by, mirror.successor_made_by()) {
            (Some(one), Some(same)) if one == same => format!(" (by {one})"),
            (Some(one), Some(other)) => format!(" (by {one}; {other} made the new room)"),
            (one, _) => one.map(|one| format!(" (by {one})")).unwrap_or_default(),
        }
    }

    /// What the operator should write into the file.
    pub(crate) fn follow_notices(&self) -> impl Iterator<Item = String> + '_ {
        let moved = self.policy.followed.iter().filter(|moved| !moved.is_in_the_file());
        moved.filter_map(|moved| {
            let room = self.policy.rooms.iter().find(|room| room.id == moved.id)?;
            let Followed { configured, id, by, at, voluntary_leaves: _ } = moved;
            Some(format!(
                "room {} is followed from {configured} to {id} (by {by}, {at}): write id = \"{id}\" into the configuration",
                room.key
            ))
        })
    }
}
