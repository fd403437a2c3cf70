//! NUL: the state of a room may hold it, and Postgres refuses it in `text` and in `jsonb`. A refused statement ends the work in
//! every room, so what strangers write goes into a statement without it.
//!
//! It is replaced here and not in the mirror: power levels are written back to Synapse from there.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Stands where NUL stood.
const REPLACEMENT: &str = "\u{fffd}";

/// What somebody wrote, as a statement can carry it.
pub(super) trait WithoutNul: ToOwned {
    /// The same with U+FFFD for each NUL. Borrowed where there is none, as almost always.
    fn without_nul(&self) -> Cow<'_, Self>;
}

impl WithoutNul for str {
    fn without_nul(&self) -> Cow<'_, Self> {
        match self.contains('\0') {
            true => Cow::Owned(self.replace('\0', REPLACEMENT)),
            false => Cow::Borrowed(self),
        }
    }
}

impl WithoutNul for [String] {
    fn without_nul(&self) -> Cow<'_, Self> {
        match self.iter().any(|text| text.contains('\0')) {
            true => Cow::Owned(self.iter().map(|text| text.without_nul().into_owned()).collect()),
            false => Cow::Borrowed(self),
        }
    }
}

/// In keys, too. Of two keys that become one, the later one stays.
impl WithoutNul for Value {
    fn without_nul(&self) -> Cow<'_, Self> {
        match has_nul(self) {
            true => Cow::Owned(replaced(self)),
            false => Cow::Borrowed(self),
        }
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn replaced(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.without_nul().into_owned()),
        Value::Array(values) => Value::Array(values.iter().map(replaced).collect()),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| (key.without_nul().into_owned(), replaced(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_holds_no_nul_is_borrowed() {
        let value = json!({"users": {"@a:a": 50}, "deep": [[null, 1.5, true, "\u{1}"]]});
        let texts = ["a".to_owned(), String::new()];
        assert!(matches!("a\u{1}".without_nul(), Cow::Borrowed("a\u{1}")));
        assert!(matches!(texts.without_nul(), Cow::Borrowed(_)));
        assert!(matches!(value.without_nul(), Cow::Borrowed(_)));
    }

    #[test]
    fn each_nul_is_replaced_in_texts_in_values_and_in_keys() {
        assert_eq!("a\0b\0".without_nul(), "a\u{fffd}b\u{fffd}");
        let texts = ["\0".to_owned(), "b".to_owned()];
        assert_eq!(*texts.without_nul(), ["\u{fffd}", "b"]);
        let value = json!({"topic": "a\0b", "users": {"@\0:a": 50}, "list": [{"deep": "\0"}, 1, null]});
        let kept =
            json!({"topic": "a\u{fffd}b", "users": {"@\u{fffd}:a": 50}, "list": [{"deep": "\u{fffd}"}, 1, null]});
        assert_eq!(*value.without_nul(), kept);
    }

    #[test]
    fn of_two_keys_that_become_one_the_later_one_stays() {
        let value = json!({"a\0": 1, "a\u{fffd}": 2});
        assert_eq!(*value.without_nul(), json!({"a\u{fffd}": 2}));
    }
}
