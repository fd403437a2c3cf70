//! The state of a room, and what it says of the room.

use serde_json::Value;

use super::RoomMirror;
use crate::levels::{Creators, Levels, POWER_LEVELS};

/// A state event of a room.
#[derive(Clone, Debug, PartialEq)]
pub struct StateEntry {
    pub content: Value,
    pub sender: String,
    pub event_id: String,
}

impl RoomMirror {
    /// Every state event with an empty state key, by its type.
    pub fn states(&self) -> impl Iterator<Item = (&str, &StateEntry)> {
        self.state.iter().map(|(kind, event)| (&**kind, event))
    }

    /// Content of a state event with an empty state key.
    pub fn content(&self, event_type: &str) -> Option<&Value> {
        self.state(event_type).map(|event| &event.content)
    }

    /// A state event with an empty state key.
    pub fn state(&self, event_type: &str) -> Option<&StateEntry> {
        self.state.get(event_type)
    }

    /// A room of this version of which nothing else is known yet.
    pub fn of_version(version: String) -> Self {
        Self { version, ..Self::default() }
    }

    /// Takes a state event with an empty state key, as read, pushed or written.
    pub fn set_state(&mut self, event_type: &str, event: StateEntry) {
        self.state.insert(event_type.into(), event);
    }

    /// Whether the other says the same of everything but members.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.version == other.version && self.state == other.state
    }

    /// Who made the room.
    pub fn creators(&self) -> Creators<'_> {
        let create = self.state("m.room.create");
        create.map_or_else(Creators::default, |create| Creators::of(&self.version, &create.content, &create.sender))
    }

    /// The room's version, where it is one of Matrix's own.
    pub fn version_number(&self) -> Option<u32> {
        self.version.parse().ok()
    }

    /// Whether anything is known of who may do what in the room.
    pub(crate) fn says_who_may(&self) -> bool {
        self.content(POWER_LEVELS).or_else(|| self.content("m.room.create")).is_some()
    }

    /// Who may join.
    pub fn join_rule(&self) -> Option<&str> {
        self.content("m.room.join_rules")?.get("join_rule")?.as_str()
    }

    /// The room's power levels as they are now.
    pub fn levels(&self) -> Result<Levels<'_>, String> {
        Levels::read(self.content(POWER_LEVELS), self.creators())
    }
}
