//! `[server_admins]`: who is a server admin.

use provisioner_policy::Selector;
use schemars::JsonSchema;
use serde::Deserialize;

use super::grammar::selector;

/// Server admins. Without this section the admin flag is left alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerAdminsSection {
    /// Who is a server admin; everybody else, not exempt, is not.
    #[serde(deserialize_with = "selector::deserialize")]
    #[schemars(schema_with = "selector::list")]
    pub grant: Vec<Selector>,
}
