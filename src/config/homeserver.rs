//! `[homeserver]`: which Synapse, and its name.

use ruma::OwnedServerName;
use schemars::JsonSchema;
use serde::Deserialize;

use super::grammar;

/// The homeserver this service provisions.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HomeserverSection {
    /// Where Synapse's client-server and admin API are reached; an internal address.
    #[schemars(schema_with = "grammar::homeserver_url")]
    pub url: String,
    /// What clients use; only `doctor` looks at it, as somebody without an account.
    #[serde(default)]
    #[schemars(schema_with = "grammar::public_url")]
    pub public_url: Option<String>,
    /// The part of user ids after the first colon. It may differ from the host of the URL.
    #[schemars(schema_with = "grammar::server_name")]
    pub server_name: OwnedServerName,
}
