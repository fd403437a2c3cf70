//! What is in the way of members, power levels and room settings, each with its mend. An obstacle is not
//! retried: it waits until somebody mends it.

use crate::level_of::LevelOf;
use crate::levels::{ABOVE_ALL, POWER_LEVELS};
use crate::needs::Act;
use crate::policy::RoomIx;
use crate::setting::Setting;
use crate::users::UserIx;
use crate::world::World;

/// Why a membership, a level or a setting is not what it should be, and stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// A source that a grant of the room depends on cannot be believed: nobody is lowered.
    Frozen { from: i64, to: i64 },
    /// It is not known who has a grant in the room: the default stays as it is.
    DefaultFrozen { level: i64 },
    /// The bot has its own level by the default alone.
    DefaultIsTheBots { level: i64 },
    /// A level that is above the bot's own.
    AboveTheBot { of: LevelOf, level: i64, bot: i64 },
    /// A user at or above the bot's own level: the bot cannot lower them.
    AtTheBots { level: i64, bot: i64 },
    /// A grant at or above the bot's own level: the bot could never take it away again.
    GrantTooHigh { level: i64, bot: i64 },
    /// The bot may not send this state.
    BotLacks { event_type: &'static str, needed: i64, bot: i64 },
    /// The bot may not do this to anybody.
    MayNot { act: Act, needed: i64, bot: i64 },
    /// A user at or above the bot's own level: the bot cannot remove them.
    Outranks { level: i64, bot: i64 },
    /// The room's power levels are not what they must be.
    Unreadable,
    /// The event would be larger than Matrix allows.
    TooLarge { bytes: usize },
    /// Afterwards the bot could no longer do this.
    LocksOut { from: &'static str },
    /// The room's version does not know the value that the policy wants.
    RoomTooOld { setting: Setting, needs: u32 },
}

impl Obstacle {
    /// The obstacle and its mend, as a clause that reads alone.
    pub fn text(self, world: &World, room: Option<RoomIx>, user: Option<UserIx>) -> String {
        match self {
            Self::Frozen { from, to } => {
                let freeze = room.zip(user).and_then(|(room, user)| world.power_freeze(room, user));
                let why = freeze.map_or_else(|| "a source was unreadable".to_owned(), |freeze| freeze.to_string());
                format!("would be lowered from {from} to {to}, but {why}")
            }
            Self::DefaultFrozen { level } => {
                let why = room.and_then(|room| world.doubt_of_grants(room));
                let why = why.unwrap_or_else(|| "a source was unreadable".to_owned());
                format!("users_default would be lowered from {level} to 0, but {why}")
            }
            Self::DefaultIsTheBots { level } => format!(
                "users_default is {level} and should be 0, but the bot has its own level by it alone and could not repair the \
                 room afterwards: give the bot level 100 there by name, in a client"
            ),
            Self::AboveTheBot { of, level, bot } => {
                let name = room.map(|room| world.level_name(room, of)).unwrap_or_default();
                let or_less = if matches!(of, LevelOf::Room(_)) { ", or write less under levels" } else { "" };
                format!(
                    "{name} would go from or to level {level}, and the bot's own is {bot} in this room: nobody sets or changes \
                     a level above their own; raise the bot (`phenom-provisioner bootstrap`, or by hand to 100){or_less}"
                )
            }
            Self::AtTheBots { level, bot } => format!(
                "has level {level} and should not; the bot's own is {}, and nobody is lowered by their equal: lower them \
                 yourself as somebody above them, or name them in guard.exempt",
                level_words(bot)
            ),
            Self::GrantTooHigh { level, bot } => format!(
                "a grant of level {level} is not below the bot's own level {bot} in this room, and could never be taken \
                 away again: raise the bot (`phenom-provisioner bootstrap`, or by hand to 100), or grant less"
            ),
            Self::BotLacks { event_type, needed, bot } => format!(
                "the bot has level {bot} in this room, and {event_type} takes {needed}: raise the bot (`phenom-provisioner bootstrap`, or by \
                 hand to 100)"
            ),
            Self::MayNot { act, needed, bot } => format!(
                "the bot has level {bot} in this room, and to {act} takes {needed}: raise the bot (`phenom-provisioner bootstrap`, or by hand to \
                 100)"
            ),
            Self::Outranks { level, bot } => format!(
                "has level {} and does not belong here; the bot's own is {}, and nobody is removed by their equal: lower or \
                 remove them yourself as somebody above them, or name them in guard.exempt",
                level_words(level),
                level_words(bot)
            ),
            Self::Unreadable => {
                let why = room.and_then(|room| world.room(room).levels().err()).unwrap_or_default();
                format!(
                    "the room's {POWER_LEVELS} cannot be read ({why}): write them anew by hand, as somebody of level 100"
                )
            }
            Self::TooLarge { bytes } => format!(
                "the power levels would have {bytes} bytes, and Matrix allows 65,536 in an event: grant a level to fewer \
                 people, or to everyone at once by users_default"
            ),
            Self::LocksOut { from } => {
                format!(
                    "the change would leave the bot unable to {from}: raise the bot (`phenom-provisioner bootstrap`, or by hand to 100)"
                )
            }
            Self::RoomTooOld { setting, needs } => {
                let version = room.map_or("", |room| &world.room(room).version);
                format!(
                    "the room has version {version}, and this {} needs {needs} or later: upgrade the room, or write another",
                    setting.key()
                )
            }
        }
    }
}

/// A level as people read it.
pub fn level_words(level: i64) -> String {
    if level == ABOVE_ALL { "above all levels".to_owned() } else { level.to_string() }
}
