//! `[events]`: the SNS topic that tells other services what was done.

use schemars::JsonSchema;
use serde::Deserialize;

use super::grammar;

/// What was done, for other services.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsSection {
    /// The ARN of the topic, a standard or a FIFO one. It names the region, too.
    #[schemars(schema_with = "grammar::topic_arn")]
    pub topic_arn: String,
    /// For emulators only.
    #[serde(default)]
    #[schemars(schema_with = "grammar::http_url")]
    pub endpoint_url: Option<String>,
}
