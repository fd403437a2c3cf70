//! Room settings: which state event holds each, and under which key. One line a setting.

use serde_json::{Value, json};

/// Makes the settings out of one table: variant, key in the configuration, state event, key in its content, whether its value
/// there is a word of Matrix or a text that somebody wrote, and the keys that say the same in other formats and go when the
/// setting is written.
macro_rules! settings {
    ($($(#[$doc:meta])* $variant:ident: $key:ident => $event:literal, $content_key:literal is a $value:ident, other formats $others:expr;)*) => {
        /// A setting of a room that can be enforced.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Setting {
            $($(#[$doc])* $variant,)*
        }

        /// Room settings; only those given are enforced.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct RoomSettings {
            $($(#[$doc])* pub $key: Option<String>,)*
        }

        impl Setting {
            /// Every setting, in the order of the contract.
            pub const ALL: [Self; [$($content_key),*].len()] = [$(Self::$variant),*];

            /// Its key in the configuration.
            pub fn key(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($key),)*
                }
            }

            /// The state event that holds it, and the key of the content.
            pub fn event(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$variant => ($event, $content_key),)*
                }
            }

            /// Whether its value is a word of Matrix: what somebody wrote is told to nobody outside.
            pub fn is_word(self) -> bool {
                enum Value {
                    Word,
                    Text,
                }
                match self {
                    $(Self::$variant => matches!(Value::$value, Value::Word),)*
                }
            }

            /// Keys of the content that would go on saying what the setting was before.
            pub fn other_formats(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &$others,)*
                }
            }

            /// What the policy wants, where it wants anything.
            pub fn wanted(self, settings: &RoomSettings) -> Option<&str> {
                match self {
                    $(Self::$variant => settings.$key.as_deref(),)*
                }
            }
        }
    };
}

settings! {
    Name: name => "m.room.name", "name" is a Text, other formats [];
    Topic: topic => "m.room.topic", "topic" is a Text, other formats ["m.topic"];
    JoinRule: join_rule => "m.room.join_rules", "join_rule" is a Word, other formats [];
    HistoryVisibility: history_visibility => "m.room.history_visibility", "history_visibility" is a Word, other formats [];
    GuestAccess: guest_access => "m.room.guest_access", "guest_access" is a Word, other formats [];
}

impl Setting {
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
        for key in self.other_formats() {
            content.remove(*key);
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
