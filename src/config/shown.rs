//! What of a value may be shown: never a password, and not more than a line.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// A value in TOML notation, on one line, shortened, and without any password a URL in it holds.
pub(super) fn shown_value(value: &Value) -> String {
    shorten(&notation(&hidden_passwords(value)), 100)
}

/// The text without what could be a password: in a URL all from the colon after the user to the last @, which is more
/// than a valid URL needs, since a password with special characters is a common mistake; and any `password=…`.
pub(super) fn without_passwords(text: &str) -> String {
    static PASSWORD: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?is)(://[^/@:\s]*:|:).*@|(password\s*=\s*)(?:'[^']*'|[^\s&]+)")
            .expect("the expression is constant")
    });
    PASSWORD
        .replace_all(text, |found: &regex::Captures<'_>| match (found.get(1), found.get(2)) {
            (Some(user), _) => format!("{}…@", user.as_str()),
            (None, key) => format!("{}…", key.map_or("", |key| key.as_str())),
        })
        .into_owned()
}

/// The value without what could be a password in any text of it.
pub(super) fn hidden_passwords(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_passwords(text)),
        Value::Array(values) => values.iter().map(hidden_passwords).collect(),
        Value::Object(entries) => {
            let hidden = |key: &str, value| match key.to_lowercase().contains("password") {
                true => "…".into(),
                false => hidden_passwords(value),
            };
            entries.iter().map(|(key, value)| (without_passwords(key), hidden(key, value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The text where it is one word. One of several words or lines may have swallowed what stands below it, tokens too.
pub(super) fn one_word(text: &str) -> &str {
    if text.contains(char::is_whitespace) { "(not shown)" } else { text }
}

fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn notation(value: &Value) -> String {
    match value {
        Value::Null => "a date, nan or inf".to_owned(),
        Value::Array(values) => format!("[{}]", values.iter().map(notation).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key} = {}", notation(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) => value.to_string(),
    }
}
