//! Levels of a room itself: what inviting, removing, banning and redacting take, and what sending takes.

use serde_json::{Map, Value};

use crate::level_number::number;

/// What takes a level in a room.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RoomLevel {
    Invite,
    Kick,
    Ban,
    Redact,
    StateDefault,
    EventsDefault,
    /// Sending this type of event.
    Event(String),
}

impl RoomLevel {
    /// Its key in the content, and the level that holds without one. Of a type of events nothing is known without: whether
    /// it is state, and so `state_default` counts for it, no event says.
    /// <https://spec.matrix.org/v1.16/client-server-api/#mroompower_levels>
    fn key(&self) -> Option<(&'static str, i64)> {
        Some(match self {
            Self::Invite => ("invite", 0),
            Self::Kick => ("kick", 50),
            Self::Ban => ("ban", 50),
            Self::Redact => ("redact", 50),
            Self::StateDefault => ("state_default", 50),
            Self::EventsDefault => ("events_default", 0),
            Self::Event(_) => return None,
        })
    }

    /// As plan and ledger name it.
    pub fn name(&self) -> String {
        match (self, self.key()) {
            (Self::Event(event_type), _) => format!("events.{event_type}"),
            (_, key) => key.map(|(key, _)| key).unwrap_or_default().to_owned(),
        }
    }

    /// What the content of the power levels says of it.
    pub(crate) fn level(&self, content: Option<&Map<String, Value>>) -> Option<i64> {
        match (self, self.key()) {
            (Self::Event(event_type), _) => content?.get("events")?.get(event_type).and_then(number),
            (_, key) => {
                key.map(|(key, otherwise)| content.and_then(|content| number(content.get(key)?)).unwrap_or(otherwise))
            }
        }
    }

    /// Puts it into the content of the power levels.
    pub fn set(&self, content: &mut Map<String, Value>, level: i64) {
        match (self, self.key()) {
            (Self::Event(event_type), _) => {
                let events = content.entry("events").or_insert_with(|| Map::new().into());
                if !events.is_object() {
                    *events = Map::new().into();
                }
                events[event_type] = level.into();
            }
            (_, key) => {
                key.map(|(key, _)| content.insert(key.to_owned(), level.into()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_level_is_read_where_it_is_put_and_what_is_not_there_is_as_the_specification_says() {
        let (mut content, events) = (Map::new(), json!([1]));
        content.insert("events".to_owned(), events);
        let event = || RoomLevel::Event("m.room.name".to_owned());
        let all = [
            (RoomLevel::Invite, "invite", Some(0)),
            (RoomLevel::Kick, "kick", Some(50)),
            (RoomLevel::Ban, "ban", Some(50)),
            (RoomLevel::Redact, "redact", Some(50)),
            (RoomLevel::StateDefault, "state_default", Some(50)),
            (RoomLevel::EventsDefault, "events_default", Some(0)),
            (event(), "events.m.room.name", None),
        ];
        for (level, name, otherwise) in all {
            assert_eq!(
                (level.name().as_str(), level.level(None), level.level(Some(&content))),
                (name, otherwise, otherwise)
            );
            level.set(&mut content, 7);
            assert_eq!(level.level(Some(&content)), Some(7));
        }
        assert_eq!(content["events"], json!({"m.room.name": 7}));
    }
}
