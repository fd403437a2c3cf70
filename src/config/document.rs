//! The configuration as a plain tree of values, with the place each value came from. Knows nothing of its meaning.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use toml_edit::{Item, Table, Value as TomlValue};

use super::{
    problem::{Problem, ValueOrigin},
    shown::without_passwords,
};

/// The merged configuration. Places are addressed by JSON pointer.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) value: Value,
    pub(super) places: SourceMap,
}

/// Where values came from, and how a pointer is written for people.
#[derive(Clone, Debug, Default)]
pub(super) struct SourceMap {
    origins: BTreeMap<String, ValueOrigin>,
    /// The `key` of each room, so that a message can say `rooms[staff]`.
    room_keys: Vec<Option<String>>,
}

impl Document {
    /// Parses a TOML file. A syntax error hides the rest of the file, so there is at most one. The parser's message is
    /// used without its excerpt of the file, which could show a secret.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let parsed = toml_edit::Document::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            Problem::new(
                origin(text, offset),
                format!("this is not TOML: {}", error.message().replace('\n', ", ")),
                "strings need quotes, a section starts with [name] on a line of its own, and each key stands once",
            )
        })?;
        let mut reader = TomlReader { text, origins: BTreeMap::new() };
        let value = reader.table(parsed.as_table(), "");
        let mut document = Self { value, places: SourceMap { origins: reader.origins, room_keys: Vec::new() } };
        document.name_rooms();
        Ok(document)
    }

    /// Puts a value at `path`, making sections on the way; it hides whatever the file had there. Where something on the
    /// way is not a section nothing is set: that something is reported anyway.
    pub(super) fn set(&mut self, path: &[String], value: Value, origin: ValueOrigin) {
        let Some((last, parents)) = path.split_last() else { return };
        let mut here = &mut self.value;
        for parent in parents {
            let Value::Object(section) = here else { return };
            here = section.entry(parent.clone()).or_insert_with(|| Value::Object(Map::new()));
        }
        let Value::Object(section) = here else { return };
        section.insert(last.clone(), value);
        let pointer = path.iter().fold(String::new(), |at, step| child(&at, step));
        let below = format!("{pointer}/");
        self.places.origins.retain(|at, _| !at.starts_with(&below));
        self.places.origins.insert(pointer, origin);
        self.name_rooms();
    }

    fn name_rooms(&mut self) {
        let rooms = self.value.get("rooms").and_then(Value::as_array);
        let readable = |key: &&str| {
            !key.is_empty() && key.chars().all(|c| !c.is_control() && c != ']') && without_passwords(key) == *key
        };
        let key = |room: &Value| room.get("key").and_then(Value::as_str).filter(readable).map(str::to_owned);
        self.places.room_keys = rooms.into_iter().flatten().map(key).collect();
    }
}

/// A place, and everything around it, from the inside out.
pub(super) fn upwards(pointer: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(pointer), |at| at.rfind('/').map(|end| &at[..end]))
}

impl SourceMap {
    /// Where the value at `pointer` came from, or the nearest thing around it.
    pub(super) fn origin(&self, pointer: &str) -> ValueOrigin {
        upwards(pointer).find_map(|at| self.origins.get(at)).cloned().unwrap_or(ValueOrigin::Absent)
    }

    /// The line of the file at `pointer` itself.
    pub(super) fn line(&self, pointer: &str) -> Option<usize> {
        match self.origins.get(pointer)? {
            ValueOrigin::File { line, .. } => Some(*line),
            ValueOrigin::Absent | ValueOrigin::Variable(_) => None,
        }
    }

    /// Where the value at `pointer` is, in words, for a message about another.
    pub(super) fn place(&self, pointer: &str) -> String {
        match self.origin(pointer) {
            ValueOrigin::File { line, .. } => format!("line {line}"),
            ValueOrigin::Variable(name) => name,
            ValueOrigin::Absent => "elsewhere".to_owned(),
        }
    }

    /// The pointer as people write it: `rooms[staff].power[#1].level`.
    pub(super) fn name(&self, pointer: &str) -> String {
        let mut name = String::new();
        let in_rooms = pointer.starts_with("/rooms/");
        for (depth, step) in pointer.split('/').skip(1).enumerate() {
            let step = without_passwords(&step.replace("~1", "/").replace("~0", "~")).escape_debug().to_string();
            match step.parse::<usize>() {
                Ok(index) if depth > 0 => match self.room_keys.get(index) {
                    Some(Some(key)) if in_rooms && depth == 1 => name.push_str(&format!("[{key}]")),
                    _ => name.push_str(&format!("[#{}]", index + 1)),
                },
                _ if depth > 0 => name.push_str(&format!(".{step}")),
                _ => name.push_str(&step),
            }
        }
        name
    }
}

/// The pointer of a key or index below `at`.
pub(super) fn child(at: &str, step: impl std::fmt::Display) -> String {
    format!("{at}/{}", step.to_string().replace('~', "~0").replace('/', "~1"))
}

/// One TOML value out of an environment variable.
pub(super) fn parse_value(text: &str) -> Result<Value, String> {
    let value: TomlValue =
        text.trim().parse().map_err(|error: toml_edit::TomlError| error.message().replace('\n', ", "))?;
    Ok(TomlReader { text: "", origins: BTreeMap::new() }.value(&value, ""))
}

/// The place of a byte offset.
pub(super) fn origin(text: &str, offset: usize) -> ValueOrigin {
    let before = text.as_bytes().iter().take(offset);
    ValueOrigin::File { offset, line: 1 + before.filter(|byte| **byte == b'\n').count() }
}

/// Turns TOML into plain values and notes where they stand.
struct TomlReader<'a> {
    text: &'a str,
    origins: BTreeMap<String, ValueOrigin>,
}

impl TomlReader<'_> {
    fn note(&mut self, at: &str, span: Option<std::ops::Range<usize>>) {
        if let Some(span) = span {
            self.origins.insert(at.to_owned(), origin(self.text, span.start));
        }
    }

    fn table(&mut self, table: &Table, at: &str) -> Value {
        let mut object = Map::new();
        for (name, item) in table.iter() {
            let here = child(at, name);
            let span = match item {
                Item::Table(table) => table.span(),
                Item::ArrayOfTables(tables) => tables.span(),
                Item::Value(_) | Item::None => None,
            };
            self.note(&here, span.or_else(|| table.key(name).and_then(toml_edit::Key::span)));
            let value = match item {
                Item::None => continue,
                Item::Value(value) => self.value(value, &here),
                Item::Table(table) => self.table(table, &here),
                Item::ArrayOfTables(tables) => {
                    let tables = tables.iter().enumerate().map(|(index, table)| {
                        let here = child(&here, index);
                        self.note(&here, table.span());
                        self.table(table, &here)
                    });
                    Value::Array(tables.collect())
                }
            };
            object.insert(name.to_owned(), value);
        }
        Value::Object(object)
    }

    /// Dates, `nan` and `inf` have no plain form and become null, which no key accepts.
    fn value(&mut self, value: &TomlValue, at: &str) -> Value {
        match value {
            TomlValue::String(text) => Value::String(text.value().clone()),
            TomlValue::Integer(number) => Value::from(*number.value()),
            TomlValue::Float(number) => Value::from(*number.value()),
            TomlValue::Boolean(flag) => Value::Bool(*flag.value()),
            TomlValue::Datetime(_) => Value::Null,
            TomlValue::Array(array) => {
                let values = array.iter().enumerate().map(|(index, value)| {
                    let here = child(at, index);
                    self.note(&here, value.span());
                    self.value(value, &here)
                });
                Value::Array(values.collect())
            }
            TomlValue::InlineTable(table) => {
                let entries = table.iter().map(|(name, value)| {
                    let here = child(at, name);
                    self.note(&here, table.key(name).and_then(toml_edit::Key::span));
                    (name.to_owned(), self.value(value, &here))
                });
                Value::Object(entries.collect())
            }
        }
    }
}
