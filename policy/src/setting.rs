//! Room settings: which state event holds each, and under which key. One line a setting.

use crate::policy::RoomSettings;

/// A setting of a room that can be enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Setting {
    Name,
    Topic,
    JoinRule,
    HistoryVisibility,
    GuestAccess,
}

impl Setting {
    /// Every setting, in the order of the contract.
    pub const ALL: [Self; 5] = [Self::Name, Self::Topic, Self::JoinRule, Self::HistoryVisibility, Self::GuestAccess];

    /// Its key in the configuration.
    pub fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Topic => "topic",
            Self::JoinRule => "join_rule",
            Self::HistoryVisibility => "history_visibility",
            Self::GuestAccess => "guest_access",
        }
    }

    /// The state event that holds it, and the key of the content.
    pub fn event(self) -> (&'static str, &'static str) {
        match self {
            Self::Name => ("m.room.name", "name"),
            Self::Topic => ("m.room.topic", "topic"),
            Self::JoinRule => ("m.room.join_rules", "join_rule"),
            Self::HistoryVisibility => ("m.room.history_visibility", "history_visibility"),
            Self::GuestAccess => ("m.room.guest_access", "guest_access"),
        }
    }

    /// What the policy wants, where it wants anything.
    pub fn wanted(self, settings: &RoomSettings) -> Option<&str> {
        match self {
            Self::Name => settings.name.as_deref(),
            Self::Topic => settings.topic.as_deref(),
            Self::JoinRule => settings.join_rule.as_deref(),
            Self::HistoryVisibility => settings.history_visibility.as_deref(),
            Self::GuestAccess => settings.guest_access.as_deref(),
        }
    }
}
