//! `[queue]`: the SQS queue of confirmed sign-ups.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{grammar, grammar::duration};

/// The SQS queue of confirmed sign-ups. Without this section none is read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueSection {
    /// The URL of the queue, a standard one.
    #[schemars(schema_with = "grammar::queue_url")]
    pub url: String,
    /// For emulators only.
    #[serde(default)]
    #[schemars(schema_with = "grammar::http_url")]
    pub endpoint_url: Option<String>,
    /// How many messages are worked on at once.
    #[serde(default = "sixteen")]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: u16,
    /// How long SQS hides a message that is being worked on; long jobs extend it. SQS allows at most 12 hours.
    #[serde(with = "duration", default = "one_minute")]
    #[schemars(schema_with = "duration::between::<1, 43_200>")]
    pub visibility_timeout: Duration,
}

fn sixteen() -> u16 {
    16
}

fn one_minute() -> Duration {
    Duration::from_secs(60)
}
