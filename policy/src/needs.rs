//! What the bot needs in a room for what the policy may ask of it there: one list, for plan, alert and doctor.

use std::fmt;

use crate::levels::{Levels, POWER_LEVELS};
use crate::policy::{Mode, Modes, RoomPolicy, Unlisted};
use crate::setting::Setting;

/// Something that the bot does in a room and that takes a level there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    Join,
    Remove,
    /// To ban somebody, or to take a ban of ours back.
    Ban,
    SetLevels,
    /// To give this level, or to take it away again.
    Grant(i64),
    /// To have something take this level.
    Ask(i64),
    Set(Setting),
}

impl Act {
    /// The level that it takes in a room with these levels.
    pub fn takes(self, levels: &Levels<'_>) -> i64 {
        match self {
            Self::Join => levels.to_invite(),
            Self::Remove => levels.to_kick(),
            // Synapse wants both of who lifts a ban.
            Self::Ban => levels.to_ban().max(levels.to_kick()),
            Self::SetLevels => levels.to_send(POWER_LEVELS),
            Self::Grant(level) => level.saturating_add(1),
            Self::Ask(level) => level,
            Self::Set(setting) => levels.to_send(setting.event().0),
        }
    }
}

impl fmt::Display for Act {
    /// The act as a verb that follows "to".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Join => f.write_str("join people"),
            Self::Remove => f.write_str("remove people"),
            Self::Ban => f.write_str("ban people"),
            Self::SetLevels => f.write_str("set power levels"),
            Self::Grant(level) => write!(f, "grant level {level}"),
            Self::Ask(level) => write!(f, "have anything take level {level}"),
            Self::Set(setting) => write!(f, "set the {}", setting.key().replace('_', " ")),
        }
    }
}

/// A level that the bot needs in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    pub act: Act,
    pub level: i64,
    /// Whether the policy does it, or only counts it.
    pub mode: Mode,
}

/// Everything that the policy may ask of the bot in a room, in any mode. Where everybody may join, joining takes no level.
pub fn needs(room: &RoomPolicy, modes: &Modes, levels: &Levels<'_>, join_rule: Option<&str>) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut need = |act: Act, mode: Mode| needs.push(Need { act, level: act.takes(levels), mode });
    if join_rule != Some("public") {
        need(Act::Join, modes.joins);
    }
    if room.unlisted == Unlisted::Remove {
        need(Act::Remove, modes.removals);
    }
    if room.decides_levels() {
        need(Act::SetLevels, modes.power_levels);
    }
    if let Some(highest) = room.power.iter().map(|power| power.level).max() {
        need(Act::Grant(highest), modes.power_levels);
    }
    if let Some(highest) = room.levels.iter().map(|(_, level)| *level).max() {
        need(Act::Ask(highest), modes.power_levels);
    }
    for setting in Setting::ALL.into_iter().filter(|setting| setting.wanted(&room.settings).is_some()) {
        need(Act::Set(setting), modes.room_state);
    }
    needs
}
