//! One event in the structured JSON of CloudEvents 1.0 (<https://github.com/cloudevents/spec>), and what SNS needs beside it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;

use super::event_type::EventType;
use crate::store::OutboxLine;

/// What the names of schemas begin with: names, not addresses. The files are `docs/events/NAME.json`.
pub const SCHEMAS: &str = "tag:thephenom.app,2026:provisioner/events/";

/// The schema of what is around `data`.
pub const ENVELOPE_SCHEMA: &str = "envelope.v1";

/// An event, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The line of the ledger that it tells of. One line may be several events.
    pub line: i64,
    pub at: DateTime<Utc>,
    /// The same at each repetition, and no other event's.
    pub id: String,
    pub kind: EventType,
    /// The user or thing it is about: events of one keep their order.
    pub about: String,
    /// The key of the room, for subscriptions to filter on.
    pub room: Option<String>,
    /// Whether it was done, or nobody knows.
    pub outcome: &'static str,
    /// The whole event, JSON.
    pub body: String,
}

/// What is said in all types alike.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Data {
    /// Key of the room in the configuration.
    pub(super) room: Option<String>,
    pub(super) room_id: Option<String>,
    /// As `subject` of the envelope.
    pub(super) subject: Option<String>,
    pub(super) before: Value,
    pub(super) after: Value,
    /// Why, in a word.
    pub(super) because: Option<String>,
    /// What it came of: a word of a fixed set.
    pub(super) cause: &'static str,
    /// Whose word it was: an MXID, or `command_line`.
    pub(super) actor: Option<String>,
    pub(super) outcome: &'static str,
    /// Which setting of a room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) setting: Option<String>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: String,
    datacontenttype: &'static str,
    dataschema: String,
    data: &'a Data,
}

impl Event {
    /// The event of a line; `part` tells several of one line apart.
    pub(super) fn of(line: &OutboxLine, part: Option<&str>, source: &str, kind: EventType, data: &Data) -> Self {
        // With the time: a database that was restored from a backup gives the same numbers again, to other lines.
        let mut id = format!("{}-{}", line.id, line.at.timestamp_micros());
        if let Some(part) = part {
            id.push('/');
            id.push_str(part);
        }
        let envelope = Envelope {
            specversion: "1.0",
            id: &id,
            source,
            kind: kind.full_name(),
            subject: data.subject.as_deref(),
            time: line.at.to_rfc3339_opts(SecondsFormat::Micros, true),
            datacontenttype: "application/json",
            dataschema: format!("{SCHEMAS}{}", kind.versioned()),
            data,
        };
        let body = serde_json::to_string(&envelope).expect("strings and JSON values can be written");
        let about = data.subject.clone().unwrap_or_else(|| "service".to_owned());
        Self { line: line.id, at: line.at, id, kind, about, room: data.room.clone(), outcome: data.outcome, body }
    }

    /// The attributes that subscriptions filter on, by name.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, String)> {
        let always = [("type", self.kind.full_name()), ("outcome", self.outcome.to_owned())];
        always.into_iter().chain(self.room.clone().map(|room| ("room", room)))
    }

    /// What SNS counts of it.
    pub(super) fn size(&self) -> usize {
        let attributes = self.attributes().map(|(name, value)| name.len() + "String".len() + value.len());
        self.body.len() + attributes.sum::<usize>()
    }
}
