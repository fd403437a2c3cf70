//! Levels of a room itself that are not what the policy gives. Each is enforced by itself, in the room's one event of levels.

use crate::level_of::LevelOf;
use crate::levels::Levels;
use crate::obstacle::Obstacle;
use crate::plan::PowerEdit;
use crate::policy::RoomIx;
use crate::room_level::RoomLevel;
use crate::world::World;

impl World {
    /// The levels of the room itself that are not what the policy gives. To ask for more than before takes nothing from
    /// anybody that is theirs: what counts as somebody's place is their own level, and that stays.
    pub(crate) fn evaluate_room_levels(&self, room: RoomIx, levels: &Levels<'_>) -> Vec<Result<PowerEdit, Obstacle>> {
        let bot = levels.of(&self.policy.bot);
        let wanted = (0..).zip(&self.policy.rooms[room.index()].levels);
        let edit = |(position, (level, wanted)): (u16, &(RoomLevel, i64))| {
            let (now, of) = (levels.of_room(level), LevelOf::Room(position));
            if now == Some(*wanted) {
                return None;
            }
            let highest = now.unwrap_or(*wanted).max(*wanted);
            Some(match highest > bot {
                true => Err(Obstacle::AboveTheBot { of, level: highest, bot }),
                false => Ok(PowerEdit { of, before: now, after: Some(*wanted), lowers: false }),
            })
        };
        wanted.filter_map(edit).collect()
    }
}
