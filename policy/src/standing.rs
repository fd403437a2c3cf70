//! What the bot may do with the members of a room, by the room's levels and its join rule.

use hashbrown::HashMap;

use crate::needs::Act;
use crate::obstacle::Obstacle;
use crate::policy::RoomIx;
use crate::users::UserIx;
use crate::world::World;

/// What is in the way of joining and removing people in one room.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    join: Option<Obstacle>,
    remove: Option<Obstacle>,
    ban: Option<Obstacle>,
    bot: i64,
    /// The level of everybody who is not named.
    default: i64,
    named: HashMap<UserIx, i64>,
}

impl Standing {
    /// Of a room whose levels cannot be read nothing is known to be in the way: Synapse decides.
    pub(crate) fn of(world: &World, room: RoomIx) -> Self {
        let mirror = world.room(room);
        let Ok(levels) = mirror.levels() else { return Self::unknown() };
        if !mirror.says_who_may() {
            return Self::unknown();
        }
        let bot = levels.of(&world.policy.bot);
        let lacks = |act: Act| {
            let needed = act.takes(&levels);
            (bot < needed).then_some(Obstacle::MayNot { act, needed, bot })
        };
        let named = levels.at_least(i64::MIN).into_iter();
        Self {
            // Synapse lets the bot invite first wherever not everybody may join, also somebody who is invited already.
            join: lacks(Act::Join).filter(|_| mirror.join_rule() != Some("public")),
            remove: lacks(Act::Remove),
            ban: lacks(Act::Ban),
            bot,
            default: levels.default_level(),
            named: named.filter_map(|(mxid, level)| Some((world.users.get(mxid)?, level))).collect(),
        }
    }

    fn unknown() -> Self {
        Self { default: i64::MIN, ..Self::default() }
    }

    /// What is in the way of joining anybody.
    pub(crate) fn obstacle_to_join(&self) -> Option<Obstacle> {
        self.join
    }

    /// What is in the way of banning somebody who may be removed, and of taking that back.
    pub(crate) fn obstacle_to_ban(&self) -> Option<Obstacle> {
        self.ban
    }

    /// What is in the way of removing this user.
    pub(crate) fn obstacle_to_remove(&self, user: UserIx) -> Option<Obstacle> {
        let level = self.named.get(&user).copied().unwrap_or(self.default);
        self.remove.or_else(|| (level >= self.bot).then_some(Obstacle::Outranks { level, bot: self.bot }))
    }
}
