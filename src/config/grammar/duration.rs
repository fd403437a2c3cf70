//! Durations as people write them: `30s`, `5m`, `6h`.

use std::time::Duration;

use schemars::{Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serializer, de::Error};
use serde_json::{Value, json};

use super::super::{problem::ValueFault, schema};

/// Keyword with the bounds of a duration in seconds.
const SECONDS: &str = "x-seconds";

/// The schema of a duration between two bounds, in seconds.
pub(in crate::config) fn between<const MINIMUM: u64, const MAXIMUM: u64>(_: &mut SchemaGenerator) -> Schema {
    schema::literal(json!({
        "type": "string",
        (schema::GRAMMAR): "duration",
        (SECONDS): [MINIMUM, MAXIMUM],
        "examples": [text(Duration::from_secs(MINIMUM))],
    }))
}

pub(super) fn check(value: &Value, schema: &Value) -> Result<(), ValueFault> {
    let Value::String(text) = value else {
        let mend = match value {
            Value::Number(number) => format!("write a unit, in quotes: \"{number}s\""),
            _ => "write for example \"30s\", \"5m\" or \"6h\"".to_owned(),
        };
        return Err(ValueFault::new("is not a duration", mend));
    };
    let duration = humantime::parse_duration(text).map_err(|_| {
        let mend = if text.parse::<u64>().is_ok() {
            format!("write a unit: \"{text}s\"")
        } else {
            "write for example \"30s\", \"5m\" or \"6h\"".to_owned()
        };
        ValueFault::new("is not a duration", mend)
    })?;
    let Some((low, high)) = bounds(schema) else { return Ok(()) };
    if duration < low {
        return Err(ValueFault::new("is too short", format!("write at least \"{}\"", self::text(low))));
    }
    if duration > high {
        return Err(ValueFault::new("is too long", format!("write at most \"{}\"", self::text(high))));
    }
    Ok(())
}

/// The shortest and the longest that this schema of a duration allows.
pub(in crate::config) fn bounds(schema: &Value) -> Option<(Duration, Duration)> {
    let bound = |index: usize| schema.get(SECONDS)?.get(index)?.as_u64().map(Duration::from_secs);
    Some((bound(0)?, bound(1)?))
}

/// The duration as people write it.
pub(in crate::config) fn text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

pub(in crate::config) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*duration))
}

pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    humantime::parse_duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}
