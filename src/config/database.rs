//! `[database]`: the service's own Postgres.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Secret, grammar};

/// The service's own database; its tables live in the schema `provisioner` and are migrated at start.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSection {
    /// A Postgres URL.
    #[schemars(schema_with = "grammar::postgres_url")]
    pub url: Secret,
}
