//! Objects of JSON that strangers write: serde takes a list of the values for an object, and nobody else does.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What is an object, and no list of its values.
#[derive(Debug)]
pub(crate) struct OnlyObject<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OnlyObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        if !raw.get().starts_with('{') {
            return Err(Error::custom("no object"));
        }
        serde_json::from_str(raw.get()).map(Self).map_err(Error::custom)
    }
}

/// For a field that is an object, and no list of its values.
pub(crate) fn only<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    OnlyObject::deserialize(deserializer).map(|OnlyObject(read)| read)
}

/// What an object says of this, where it is one and says it: the rest of it may be anything, and is passed over.
pub(crate) fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok().map(|OnlyObject(read)| read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Eq)]
    struct Content {
        membership: String,
    }

    #[test]
    fn a_list_is_no_object_whatever_is_in_it() {
        let read = |text: &str| serde_json::from_str::<&RawValue>(text).ok().and_then(object::<Content>);
        assert_eq!(read(r#" {"more": 1, "membership": "join"} "#), Some(Content { membership: "join".to_owned() }));
        for text in [r#"["join"]"#, r#""join""#, "null", "{}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
