//! Collects problems while a configuration is read, and decides what of a value may be shown.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;
use serde_json::Value;

use super::{
    document::{SourceMap, upwards},
    problem::{Problem, ValueFault},
};

/// The problems so far, and which places have one.
#[derive(Debug)]
pub(super) struct ProblemReport<'a> {
    pub(super) places: &'a SourceMap,
    problems: Vec<Problem>,
    unsound: BTreeSet<String>,
    /// Secrets read from a file, with the key that named the file.
    named_by: BTreeMap<String, String>,
}

impl<'a> ProblemReport<'a> {
    pub(super) fn new(places: &'a SourceMap) -> Self {
        Self { places, problems: Vec::new(), unsound: BTreeSet::new(), named_by: BTreeMap::new() }
    }

    /// Whether neither `pointer` nor anything around it has a problem: what was repaired must not be judged again.
    pub(super) fn sound(&self, pointer: &str) -> bool {
        !upwards(pointer).any(|at| self.unsound.contains(at))
    }

    /// Reports a problem in its own words, unless the place has one already.
    pub(super) fn add(&mut self, pointer: &str, text: impl Into<String>, mend: impl Into<String>) {
        if self.sound(pointer) {
            let origin = self.places.origin(self.named_by.get(pointer).map_or(pointer, String::as_str));
            self.problems.push(Problem::new(origin, text, mend));
            self.unsound.insert(pointer.to_owned());
        }
    }

    /// Notes that a secret came out of the file that another key names.
    pub(super) fn read_from(&mut self, secret: String, named_by: String) {
        self.named_by.insert(secret, named_by);
    }

    /// Reports nothing more about this place, because its trouble is reported elsewhere.
    pub(super) fn silence(&mut self, pointer: &str) {
        self.unsound.insert(pointer.to_owned());
    }

    /// Reports a value that some rule refuses. `shown` is the value where it may be shown.
    pub(super) fn refuse(&mut self, pointer: &str, shown: Option<&Value>, fault: ValueFault) {
        let name = self.places.name(pointer);
        let subject = match shown {
            Some(value) => format!("{name} = {}", shown_value(value)),
            None => match self.named_by.get(pointer) {
                Some(key) => format!("{name} (from the file that {} names)", self.places.name(key)),
                None => format!("{name} (not shown)"),
            },
        };
        self.add(pointer, format!("{subject} {}", fault.text), fault.mend);
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// A value in TOML notation, on one line, shortened, and without any password a URL in it holds.
pub(super) fn shown_value(value: &Value) -> String {
    shorten(&notation(value), 100)
}

/// The text without what could be a password: in a URL all from the colon after the user to the last @, which is more
/// than a valid URL needs, since a password with special characters is a common mistake; and any `password=…`.
pub(super) fn without_passwords(text: &str) -> String {
    static PASSWORD: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?is)(://[^/@:\s]*:|:).*@|(password\s*=\s*)[^\s&]+").expect("the expression is constant")
    });
    PASSWORD
        .replace_all(text, |found: &regex::Captures<'_>| match (found.get(1), found.get(2)) {
            (Some(user), _) => format!("{}…@", user.as_str()),
            (None, key) => format!("{}…", key.map_or("", |key| key.as_str())),
        })
        .into_owned()
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
        Value::String(text) => Value::String(without_passwords(text)).to_string(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
    }
}
