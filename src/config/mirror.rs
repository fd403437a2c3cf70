//! `[mirror]`: how often what is known of the rooms is read again.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::grammar::duration;

/// What is known of the managed rooms.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MirrorSection {
    /// How often each room is read again, in case a push was lost.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::between::<1, 86_400>")]
    pub resync_interval: Duration,
}

impl Default for MirrorSection {
    fn default() -> Self {
        Self { resync_interval: Duration::from_secs(5 * 60) }
    }
}
