//! `levels` of a room: what inviting, removing, banning and redacting take in it, and what sending takes.

use std::collections::BTreeMap;

use provisioner_policy::RoomLevel;
use schemars::JsonSchema;
use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::json;

use super::schema;

/// The largest integer of Matrix's canonical JSON.
const HIGHEST: i64 = (1 << 53) - 1;

/// Levels of the room itself.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LevelsEntry {
    /// To invite somebody. At the bot's own level, nobody but the service lets anybody in.
    #[schemars(schema_with = "level")]
    pub invite: Option<i64>,
    /// To remove somebody.
    #[schemars(schema_with = "level")]
    pub kick: Option<i64>,
    /// To ban somebody.
    #[schemars(schema_with = "level")]
    pub ban: Option<i64>,
    /// To redact what others sent.
    #[schemars(schema_with = "level")]
    pub redact: Option<i64>,
    /// To send state of a type that has no level of its own.
    #[schemars(schema_with = "level")]
    pub state_default: Option<i64>,
    /// To send anything else of a type that has no level of its own.
    #[schemars(schema_with = "level")]
    pub events_default: Option<i64>,
    /// To send events of these types.
    #[schemars(schema_with = "events")]
    pub events: BTreeMap<String, i64>,
}

fn level(_: &mut SchemaGenerator) -> Schema {
    schema::literal(json!({ "type": "integer", "minimum": 0, "maximum": HIGHEST, "examples": [50],
        (schema::MEND): "write a whole number from 0 to the bot's own level, normally 100" }))
}

fn events(_: &mut SchemaGenerator) -> Schema {
    let level = json!({ "type": "integer", "minimum": 0, "maximum": HIGHEST, "examples": [50],
        (schema::MEND): "write the type of event in quotes, and a whole number from 0 to the bot's own level: \
            \"m.room.tombstone\" = 100" });
    schema::literal(json!({ "type": "object", "additionalProperties": level }))
}

impl LevelsEntry {
    /// The levels as the planner reads them.
    pub(super) fn policy(&self) -> Vec<(RoomLevel, i64)> {
        let Self { invite, kick, ban, redact, state_default, events_default, events } = self;
        let named = [
            (RoomLevel::Invite, invite),
            (RoomLevel::Kick, kick),
            (RoomLevel::Ban, ban),
            (RoomLevel::Redact, redact),
            (RoomLevel::StateDefault, state_default),
            (RoomLevel::EventsDefault, events_default),
        ];
        let named = named.into_iter().filter_map(|(of, level)| Some((of, (*level)?)));
        named.chain(events.iter().map(|(event_type, level)| (RoomLevel::Event(event_type.clone()), *level))).collect()
    }
}
