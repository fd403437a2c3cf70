//! `[modes]`: what is enforced and what is only counted.

use provisioner_policy::{Class, Mode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::schema;

/// The mode of each class of action. Everything left out is observe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModesSection {
    /// Accounts are created, locked and deactivated.
    #[schemars(schema_with = "mode")]
    pub accounts: Mode,
    /// People are joined to rooms.
    #[schemars(schema_with = "mode")]
    pub joins: Mode,
    /// People are removed from rooms.
    #[schemars(schema_with = "mode")]
    pub removals: Mode,
    /// Power levels are given and taken.
    #[schemars(schema_with = "mode")]
    pub power_levels: Mode,
    /// Settings of rooms are set.
    #[schemars(schema_with = "mode")]
    pub room_state: Mode,
    /// Server admins are made and unmade.
    #[schemars(schema_with = "mode")]
    pub server_admins: Mode,
    /// Names and pictures are given.
    #[schemars(schema_with = "mode")]
    pub profiles: Mode,
}

impl ModesSection {
    /// Each class by its key, in the order of the file.
    pub fn classes(&self) -> [(&'static str, Mode); Class::ALL.len()] {
        Class::ALL.map(|class| (class.key(), class.mode(&(*self).into())))
    }
}

impl From<ModesSection> for provisioner_policy::Modes {
    fn from(modes: ModesSection) -> Self {
        let ModesSection { accounts, joins, removals, power_levels, room_state, server_admins, profiles } = modes;
        Self { accounts, joins, removals, power_levels, room_state, server_admins, profiles }
    }
}

fn mode(_: &mut SchemaGenerator) -> Schema {
    schema::literal(json!({ "type": "string", "enum": ["observe", "enforce"] }))
}
