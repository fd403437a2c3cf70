//! Room settings: which state event holds each, and under which key. One line a setting.

use serde_json::{Value, json};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::policy::RoomSettings;

/// A setting of a room that can be enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Setting {
    Name,
    Topic,
    JoinRule,
    HistoryVisibility,
    GuestAccess,
}

impl Setting {
    /// Every setting, in the order of the contract.
    pub const ALL: [Self; Self::COUNT] = *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// Its key in the configuration.
    pub fn key(self) -> &'static str {
        self.into()
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

    /// What the state's content says of it.
    pub fn value(self, content: Option<&Value>) -> Option<&Value> {
        content?.get(self.event().1)
    }

    /// Whether a value is the one that is wanted. A room without a topic has an empty one.
    pub fn is(self, value: Option<&Value>, wanted: &str) -> bool {
        match value {
            Some(value) => value.as_str() == Some(wanted),
            None => self == Self::Topic && wanted.is_empty(),
        }
    }

    /// The state's content with the wanted value; every other key stays.
    pub fn edited(self, content: Option<&Value>, wanted: &str) -> Value {
        let mut content = content.and_then(Value::as_object).cloned().unwrap_or_default();
        content.insert(self.event().1.to_owned(), json!(wanted));
        // The topic in other formats would go on saying what it said.
        if self == Self::Topic {
            content.remove("m.topic");
        }
        content.into()
    }

    /// The first room version that knows the value. <https://spec.matrix.org/v1.16/rooms/#feature-matrix>
    pub(crate) fn needs_version(self, wanted: &str) -> u32 {
        match (self, wanted) {
            (Self::JoinRule, "knock") => 7,
            (Self::JoinRule, "restricted") => 8,
            (Self::JoinRule, "knock_restricted") => 10,
            _ => 1,
        }
    }
}
