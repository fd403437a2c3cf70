//! The head of an event: the few fields that tell whether it matters, borrowed from the body.
//!
//! All other fields are skipped without building values, to any depth.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor},
};

/// Longest identifier, in bytes (Matrix specification, *Size limits*). A longer one could not be indexed, and the
/// inbox would refuse it for ever.
const MAX_ID_BYTES: usize = 255;

/// What is read of every event. Room versions differ in much else, so nothing else is asked for.
#[derive(Debug)]
pub(super) struct EventHead<'a> {
    pub(super) event_id: Cow<'a, str>,
    pub(super) room_id: Cow<'a, str>,
    pub(super) event_type: Cow<'a, str>,
    /// Present on state events only, where it may be empty.
    pub(super) state_key: Option<Cow<'a, str>>,
}

/// Fails on what is not an event: not an object, an id or the type missing, empty, over-long, holding NUL (Postgres
/// cannot store it) or not a string. A key that is given twice counts with its last value, as elsewhere.
impl<'de: 'a, 'a> Deserialize<'de> for EventHead<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadVisitor)
    }
}

struct HeadVisitor;

impl<'de> Visitor<'de> for HeadVisitor {
    type Value = EventHead<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let (mut event_id, mut room_id, mut event_type, mut state_key) = (None, None, None, None);
        while let Some(field) = fields.next_key::<Field>()? {
            let slot = match field {
                Field::EventId => &mut event_id,
                Field::RoomId => &mut room_id,
                Field::Type => &mut event_type,
                Field::StateKey => &mut state_key,
                Field::Other => {
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *slot = Some(fields.next_value::<Text<'de>>()?.0);
        }
        Ok(EventHead {
            event_id: identifier("event_id", event_id)?,
            room_id: identifier("room_id", room_id)?,
            event_type: identifier("type", event_type)?,
            state_key,
        })
    }
}

fn identifier<'a, E: Error>(name: &'static str, value: Option<Cow<'a, str>>) -> Result<Cow<'a, str>, E> {
    let value = value.ok_or_else(|| E::missing_field(name))?;
    // NUL stands in JSON only as an escape, so a borrowed string has none.
    let holds_nul = matches!(&value, Cow::Owned(text) if text.contains('\0'));
    if value.is_empty() || value.len() > MAX_ID_BYTES || holds_nul {
        return Err(E::custom(name));
    }
    Ok(value)
}

enum Field {
    EventId,
    RoomId,
    Type,
    StateKey,
    Other,
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldVisitor;
        impl Visitor<'_> for FieldVisitor {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Field, E> {
                Ok(match key {
                    "event_id" => Field::EventId,
                    "room_id" => Field::RoomId,
                    "type" => Field::Type,
                    "state_key" => Field::StateKey,
                    _ => Field::Other,
                })
            }
        }
        deserializer.deserialize_str(FieldVisitor)
    }
}

/// A string, borrowed unless an escape in it had to be decoded (`Cow`'s own implementation always copies).
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}
