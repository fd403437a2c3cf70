//! A room's power levels written again: what changes is edited in the content as it is, and everything else in it stays,
//! known or not. What would be refused or regretted is found here, before it is sent.

use serde_json::{Map, Value};

use crate::level_number::number;
use crate::level_of::LevelOf;
use crate::levels::{Levels, NAMED};
use crate::needs::Act;
use crate::obstacle::Obstacle;
use crate::plan::PowerEdit;
use crate::policy::RoomIx;
use crate::room_level::RoomLevel;
use crate::setting::Setting;
use crate::world::World;

/// Matrix allows 65,536 bytes for a whole event: this much is left for the content beside ids, hashes and signatures.
const MAX_CONTENT_BYTES: usize = 61_440;

/// What becomes of the content.
#[derive(Clone, Debug, PartialEq)]
pub enum Rewrite {
    /// To be sent.
    Write(Value),
    /// It is so already.
    AlreadySo,
    /// It is neither what the plan was made from nor what the plan wants: plan again.
    Outdated,
    /// Not to be sent, now or later, until somebody mends it.
    Refused(Obstacle),
}

impl World {
    /// Edits the room's power levels as they are `now`; nothing where the room has none yet.
    pub fn rewrite_levels(&self, room: RoomIx, now: Option<&Value>, edits: &[PowerEdit]) -> Rewrite {
        let creators = self.room(room).creators();
        let before = now.cloned().unwrap_or_else(|| creators.implied());
        let mut after = before.clone();
        match Levels::read(Some(&after), creators.clone()) {
            Err(_) => return Rewrite::Refused(Obstacle::Unreadable),
            Ok(levels) if !self.are_made_from(room, edits, &levels) => return Rewrite::Outdated,
            Ok(_) => self.edit_levels(room, &mut after, edits),
        }
        if after == before {
            return Rewrite::AlreadySo;
        }
        write_as_numbers(&mut after);
        let bytes = after.to_string().len();
        // What is too large already may shrink: taking power away must not wait for room.
        if bytes > MAX_CONTENT_BYTES && bytes > before.to_string().len() {
            return Rewrite::Refused(Obstacle::TooLarge { bytes });
        }
        let lockout = match (Levels::read(now, creators.clone()), Levels::read(Some(&after), creators)) {
            (Ok(before), Ok(after)) => self.lockout(&before, &after),
            _ => return Rewrite::Refused(Obstacle::Unreadable),
        };
        lockout.map_or(Rewrite::Write(after), |from| Rewrite::Refused(Obstacle::LocksOut { from }))
    }

    fn room_level(&self, room: RoomIx, position: u16) -> &(RoomLevel, i64) {
        &self.policy.rooms[room.index()].levels[usize::from(position)]
    }

    /// Whether every level that is edited is what the plan was made from, or is what is wanted already.
    fn are_made_from(&self, room: RoomIx, edits: &[PowerEdit], levels: &Levels<'_>) -> bool {
        edits.iter().all(|edit| {
            let level = match edit.of {
                LevelOf::User(user) => Some(levels.of(&self.users.mxid(user))),
                LevelOf::Everybody => Some(levels.default_level()),
                LevelOf::Room(position) => levels.of_room(&self.room_level(room, position).0),
            };
            level == edit.before || level == edit.after.or(Some(levels.default_level()))
        })
    }

    fn edit_levels(&self, room: RoomIx, content: &mut Value, edits: &[PowerEdit]) {
        let Some(content) = content.as_object_mut() else { return };
        for edit in edits {
            match edit.of {
                LevelOf::User(user) => {
                    let users = content.entry("users").or_insert_with(|| Map::new().into()).as_object_mut();
                    let mxid = self.users.mxid(user);
                    users.map(|users| match edit.after {
                        Some(level) => users.insert(mxid, level.into()),
                        None => users.remove(&mxid),
                    });
                }
                LevelOf::Room(position) => {
                    let (level, wanted) = self.room_level(room, position);
                    level.set(content, edit.after.unwrap_or(*wanted));
                }
                LevelOf::Everybody => drop(content.insert("users_default".to_owned(), edit.after.unwrap_or(0).into())),
            }
        }
    }

    /// What the bot can do in the room before the change and could not after it. Room repair is among it: nobody may be set
    /// on a level from which the bot could not take them down.
    fn lockout(&self, before: &Levels<'_>, after: &Levels<'_>) -> Option<&'static str> {
        let bot = &self.policy.bot;
        let can = |levels: &Levels<'_>, needed: i64| levels.of(bot) >= needed;
        let loses = |act: Act| can(before, act.takes(before)) && !can(after, act.takes(after));
        let out_of_reach = |levels: &Levels<'_>, mxid: &str| {
            levels.of(mxid) >= levels.of(bot) && self.users.get(mxid).is_none_or(|user| !self.is_exempt(user))
        };
        if loses(Act::SetLevels) {
            Some("change power levels")
        } else if loses(Act::Remove) {
            Some("remove anybody")
        } else if loses(Act::Join) {
            Some("join anybody")
        } else if Setting::ALL.into_iter().any(|setting| loses(Act::Set(setting))) {
            Some("change the room's settings")
        } else if after.entries().any(|(mxid, _)| out_of_reach(after, mxid) && !out_of_reach(before, mxid)) {
            Some("lower somebody again")
        } else {
            None
        }
    }
}

/// Turns every level that is text into the number it is. Synapse takes integers alone from its own users, also in rooms that
/// hold text: with one such level in it, everything that we send would be refused.
fn write_as_numbers(content: &mut Value) {
    let as_number = |level: &mut Value| {
        if let Some(number) = number(level) {
            *level = number.into();
        }
    };
    for key in NAMED {
        content.get_mut(key).into_iter().for_each(as_number);
    }
    for key in ["users", "events", "notifications"] {
        let levels = content.get_mut(key).and_then(Value::as_object_mut).into_iter().flatten();
        levels.for_each(|(_, level)| as_number(level));
    }
}
