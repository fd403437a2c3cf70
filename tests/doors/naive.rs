//! JSON read by `serde_json` alone, one level at a time: what stands twice is there twice, and nothing is too deep.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of an object, in order.
pub(crate) struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(All)
    }
}

impl<'a> Fields<'a> {
    /// Nothing where it is no object, or where a key is no Unicode.
    pub(crate) fn of(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The last value of this key.
    pub(crate) fn last(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(its, _)| its == key).map(|(_, value)| *value)
    }

    /// How often the key stands there.
    pub(crate) fn count(&self, key: &str) -> usize {
        self.0.iter().filter(|(its, _)| its == key).count()
    }
}

pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// A string; nothing for another value, or where it is no Unicode.
pub(crate) fn string(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}

/// The items of a list.
pub(crate) fn list<'a>(fields: &Fields<'a>, key: &str) -> Option<Vec<&'a RawValue>> {
    serde_json::from_str(fields.last(key)?.get()).ok()
}

/// What a membership event says: the user, the membership, the sender and the event's id. Nothing where one of them is missing,
/// twice there, or no text.
pub(crate) fn member(event: &RawValue) -> Option<[String; 4]> {
    let once = |of: &Fields<'_>, key: &str| string(of.last(key).filter(|_| of.count(key) == 1)?);
    let event = Fields::of(event.get())?;
    let content = Fields::of(event.last("content").filter(|_| event.count("content") == 1)?.get())?;
    // By its reason a ban is known as the service's own: it is read as well.
    let is_readable = content.count("reason") < 2;
    let membership = once(&content, "membership").filter(|_| is_readable)?;
    Some([once(&event, "state_key")?, membership, once(&event, "sender")?, once(&event, "event_id")?])
}
