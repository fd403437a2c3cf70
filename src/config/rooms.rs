//! `[[rooms]]`: the managed rooms.

use provisioner_policy::{OnLeave, OnReturn, PowerGrant, RoomPolicy, RoomSettings, Selector, Unlisted};
use ruma::OwnedRoomId;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{grammar, grammar::selector, levels::LevelsEntry};

/// One managed room.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomSection {
    /// The short name used in plans, metrics and commands.
    #[schemars(schema_with = "grammar::key")]
    pub key: String,
    /// The full room id. Only `bootstrap --create-rooms` takes a room without one, and prints the id it made.
    #[serde(default)]
    #[schemars(schema_with = "grammar::room_id")]
    pub id: Option<OwnedRoomId>,
    /// Who belongs.
    #[serde(deserialize_with = "selector::deserialize")]
    #[schemars(schema_with = "selector::list")]
    pub members: Vec<Selector>,
    /// People in the room who do not belong: keep where members has "everyone", else remove.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["keep", "remove"]))]
    pub unlisted: Option<Unlisted>,
    /// Members who leave by choice stay away (respect) or are joined again (rejoin).
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["respect", "rejoin"]))]
    pub on_leave: OnLeave,
    /// Somebody who was removed and comes back by themselves: banned at the third time within an hour (ban), or removed each
    /// time (remove).
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["ban", "remove"]))]
    pub on_return: OnReturn,
    /// Whether users of other servers may come into a room that `bootstrap --create-rooms` makes. Nobody can change that
    /// afterwards, so it says nothing of a room that is there; the doctor compares.
    #[serde(default)]
    pub federate: bool,
    /// Users' power levels; the highest that matches counts. Left out, they are left alone. Where it is given, nobody has
    /// power by the room's default.
    #[serde(default)]
    pub power: Vec<PowerEntry>,
    /// Levels of the room itself; each is enforced only if given.
    #[serde(default)]
    pub levels: LevelsEntry,
    /// The room's name; enforced only if given.
    #[serde(default)]
    #[schemars(schema_with = "grammar::text")]
    pub name: Option<String>,
    /// The room's topic; enforced only if given.
    pub topic: Option<String>,
    /// Who may join by themselves; enforced only if given.
    #[serde(default)]
    #[schemars(schema_with = "grammar::join_rule")]
    pub join_rule: Option<String>,
    /// Who may read what was said before they came; enforced only if given.
    #[serde(default)]
    #[schemars(schema_with = "grammar::history_visibility")]
    pub history_visibility: Option<String>,
    /// Whether guests may join; enforced only if given.
    #[serde(default)]
    #[schemars(schema_with = "grammar::guest_access")]
    pub guest_access: Option<String>,
}

/// A power level for the people that any of the selectors names.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerEntry {
    /// The level. The bot can only take away levels below its own, which is normally 100.
    #[schemars(
        range(min = 0, max = 99),
        extend("x-mend" = "write a whole number from 0 to 99: below the bot's own level, normally 100, or the bot could never take it away again")
    )]
    pub level: i64,
    /// Who has it.
    #[serde(deserialize_with = "selector::deserialize")]
    #[schemars(schema_with = "selector::list")]
    pub grant: Vec<Selector>,
}

impl RoomSection {
    /// The room as the planner reads it; the id is empty while the room has none.
    pub fn policy(&self) -> RoomPolicy {
        let Self { key, id, members, unlisted, on_leave, on_return, power, levels, .. } = self;
        let Self { name, topic, join_rule, history_visibility, guest_access, .. } = self.clone();
        let id = id.as_ref().map(ToString::to_string).unwrap_or_default();
        let room = RoomPolicy::new(key.clone(), id, members.clone());
        RoomPolicy {
            unlisted: unlisted.unwrap_or(room.unlisted),
            on_leave: *on_leave,
            on_return: *on_return,
            power: power
                .iter()
                .map(|PowerEntry { level, grant }| PowerGrant { level: *level, grant: grant.clone() })
                .collect(),
            levels: levels.policy(),
            settings: RoomSettings { name, topic, join_rule, history_visibility, guest_access },
            ..room
        }
    }
}
