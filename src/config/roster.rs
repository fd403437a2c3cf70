//! `[roster]`: who is in which team.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Secret, grammar, grammar::duration};

/// The query for Hasura's tables. Its columns are exactly subject, team and role, all text.
const DEFAULT_QUERY: &str = "SELECT u.id::text AS subject, t.name AS team, tm.role AS role FROM team_members tm \
     JOIN teams t ON t.id = tm.team_id JOIN users u ON u.id = tm.user_id";

/// The database where teams live. A read-only role is enough. Without this section there are no teams.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RosterSection {
    /// A Postgres URL; without one it is that of `[database]`.
    #[schemars(schema_with = "grammar::postgres_url")]
    pub url: Secret,
    /// The password as it is, where the URL has none.
    pub password: Option<Secret>,
    /// A query for the columns subject, team and role.
    #[schemars(schema_with = "grammar::text")]
    pub query: String,
    /// A reading of more rows is refused: the last good one stands, and nobody is removed. Rows take memory while they are read.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_rows: u32,
    /// How often the query is asked without being woken.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::between::<1, 86_400>")]
    pub poll_interval: Duration,
    /// A Postgres channel whose notifications wake the query.
    #[schemars(schema_with = "grammar::identifier")]
    pub notify_channel: Option<String>,
}

impl Default for RosterSection {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            password: None,
            query: DEFAULT_QUERY.to_owned(),
            max_rows: 5_000_000,
            poll_interval: Duration::from_secs(30),
            notify_channel: None,
        }
    }
}
