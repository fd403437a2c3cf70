//! Synapse itself, and its way back to this service.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, de::IgnoredAny};

use super::PathSegment;
use crate::homeserver::lenient::millis;

endpoint!(version: GET "/_synapse/admin/v1/server_version" {} -> Version);

// ruma's own refuses answers in which another capability has an odd shape.
endpoint!(capabilities: GET "/_matrix/client/v3/capabilities" {} -> Capabilities);

// ruma's own refuses a fraction in `duration_ms`.
endpoint!(ping: POST "/_matrix/client/v1/appservice/{appservice}/ping" {
    #[ruma_api(path)] appservice: PathSegment,
    transaction_id: String,
} -> Pong);

// Newer versions serve it at /_matrix/client/v1/media too; both serve this.
endpoint!(preview: GET "/_matrix/media/v3/preview_url" {
    #[ruma_api(query)] url: String,
} -> IgnoredAny);

#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub(crate) server_version: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Pong {
    #[serde(rename = "duration_ms", deserialize_with = "millis")]
    pub(crate) duration: Duration,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Capabilities {
    pub(crate) capabilities: CapabilityMap,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CapabilityMap {
    #[serde(rename = "m.room_versions")]
    pub(crate) room_versions: RoomVersionsCapability,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RoomVersionsCapability {
    pub(crate) default: String,
    /// Version to `stable` or `unstable`.
    pub(crate) available: BTreeMap<String, String>,
}
