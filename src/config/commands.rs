//! `[commands]`: the room where the service is talked to.

use provisioner_policy::Selector;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Config, choices::listed, grammar, grammar::selector, report::ProblemReport};
use crate::nearest::nearest;

/// The Staff room. Without this section there is none.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandsSection {
    /// The key of a room in `[[rooms]]`.
    #[schemars(schema_with = "grammar::key")]
    pub room: String,
    /// The word that every command starts with.
    #[serde(default = "provisioner")]
    #[schemars(schema_with = "grammar::prefix")]
    pub prefix: String,
    /// Who may give commands, if they are joined to the room.
    #[serde(deserialize_with = "selector::deserialize")]
    #[schemars(schema_with = "selector::list")]
    pub allow: Vec<Selector>,
}

fn provisioner() -> String {
    "!provisioner".to_owned()
}

/// The room must be one of the file's.
pub(super) fn check(config: &Config, report: &mut ProblemReport<'_>) {
    let Some(commands) = &config.commands else { return };
    let keys: Vec<String> = config.rooms.iter().map(|room| room.key.clone()).collect();
    let all_read = report.sound("/rooms") && (0..keys.len()).all(|index| report.sound(&format!("/rooms/{index}/key")));
    if keys.contains(&commands.room) || !all_read {
        return;
    }
    let mend = match nearest(&commands.room, keys.iter().map(String::as_str)) {
        Some(nearest) => format!("did you mean \"{nearest}\"? The rooms are {}", listed(&keys, "and")),
        None => "add the room as [[rooms]], or leave [commands] out".to_owned(),
    };
    report.add("/commands/room", format!("commands.room = \"{}\" is not the key of a room", commands.room), mend);
}
