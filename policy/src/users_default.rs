//! Power for everyone: the level that everybody has who is not named in a room (`users_default`), and what it should be.

use crate::level_of::LevelOf;
use crate::levels::Levels;
use crate::obstacle::Obstacle;
use crate::plan::PowerEdit;
use crate::policy::RoomIx;
use crate::world::World;

impl World {
    /// Whether everybody has power in a room in which power is by grant. Below 0 the default is a silencing of all who are
    /// new, and its moderators' to decide; in a room without grants all of it is.
    pub(crate) fn is_raised(&self, room: RoomIx, levels: &Levels<'_>) -> bool {
        !self.power[room.index()].is_empty() && levels.default_level() > 0
    }

    /// The default beside what it should be. Nothing is made of who loses by it, exempt users included: what they have by the
    /// default alone is not theirs. Whatever their own level is, they keep it.
    pub(crate) fn evaluate_default(&self, room: RoomIx, levels: &Levels<'_>) -> Option<Result<PowerEdit, Obstacle>> {
        if !self.is_raised(room, levels) {
            return None;
        }
        let (level, bot) = (levels.default_level(), levels.of(&self.policy.bot));
        Some(if levels.own(&self.policy.bot).is_none() {
            Err(Obstacle::DefaultIsTheBots { level })
        } else if level > bot {
            Err(Obstacle::AboveTheBot { of: LevelOf::Everybody, level, bot })
        } else if self.doubt_of_grants(room).is_some() {
            Err(Obstacle::DefaultFrozen { level })
        } else {
            Ok(PowerEdit { of: LevelOf::Everybody, before: Some(level), after: Some(0), lowers: false })
        })
    }

    /// The default once what is planned for it is done.
    pub(crate) fn default_to_be(&self, room: RoomIx, levels: &Levels<'_>) -> i64 {
        match self.evaluate_default(room, levels) {
            Some(Ok(_)) => 0,
            Some(Err(_)) | None => levels.default_level(),
        }
    }

    /// Why it is not known who has a grant in the room. Somebody who has one, and power by the default alone so far, would
    /// otherwise lose it for the sake of a source that cannot be read or answers nothing.
    pub(crate) fn doubt_of_grants(&self, room: RoomIx) -> Option<String> {
        let selectors = self.power[room.index()].iter().flat_map(|(_, selectors)| selectors).copied();
        let frozen = self.freeze_of_any(&selectors.collect::<Vec<_>>()).map(|freeze| freeze.to_string());
        frozen.or_else(|| Some(self.empty_answer_of_grants(room)?.text(self)))
    }
}
