//! Which level somebody has in a room, which they should have, and why: the planner's evaluation beside its plan, in
//! words. It decides nothing.

use std::cmp::Ordering;

use serde::Serialize;

use super::outlook::Outlook;
use crate::levels::Levels;
use crate::obstacle::{Obstacle, level_words};
use crate::plan::{Action, Because, Blocked, Change, Class, Kind, Plan, PowerEdit};
use crate::policy::RoomIx;
use crate::power::{Evaluated, PowerVerdict};
use crate::users::UserIx;
use crate::world::World;

/// Power levels, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PowerExplanation {
    pub desired: i64,
    pub observed: i64,
    /// Begins with what will happen where something will, and is then followed by why.
    pub because: String,
}

impl PowerExplanation {
    /// Whether the level is what it should be.
    pub(super) fn is_right(&self) -> bool {
        self.desired == self.observed
    }

    /// The level, to follow how somebody is in the room.
    pub(super) fn in_words(&self) -> String {
        if self.is_right() && self.observed == 0 {
            "as an ordinary member".to_owned()
        } else {
            format!("power {}", self.levels())
        }
    }

    /// The level and why, as a sentence that reads alone.
    pub(super) fn sentence(&self) -> String {
        format!("Power {}: {}", self.levels(), self.because)
    }

    /// The level, and what it should be where that is another.
    fn levels(&self) -> String {
        let (desired, observed) = (level_words(self.desired), level_words(self.observed));
        if self.is_right() { observed } else { format!("{observed} (should be {desired})") }
    }
}

impl World {
    /// A creator of a version 12 room is shown with the level that Synapse counts with, which no number in a room
    /// reaches.
    pub(super) fn explain_power(&self, room: RoomIx, user: UserIx, plan: &Plan) -> PowerExplanation {
        let levels = match self.room(room).levels() {
            Ok(levels) => levels,
            Err(_) => {
                let unreadable = || Obstacle::Unreadable.text(self, Some(room), Some(user));
                let because = self.not_looked_at(room, user).unwrap_or_else(unreadable);
                let desired = self.granted(room, user).map_or(0, |granted| granted.level);
                return PowerExplanation { desired, observed: 0, because };
            }
        };
        let evaluated = self.evaluate_power(room, user, &levels);
        let Evaluated { desired, observed, verdict: _ } = evaluated;
        let untouched = |because: &str| PowerExplanation { desired: observed, observed, because: because.to_owned() };
        if levels.is_above_all(&self.users.mxid(user)) {
            return untouched("a creator of the room, above all levels");
        }
        if self.power[room.index()].is_empty() {
            return untouched("the room has no power in the configuration: nobody's level is touched");
        }
        let because = self.not_looked_at(room, user);
        let because = because.unwrap_or_else(|| self.level_because(room, user, &levels, evaluated, plan));
        PowerExplanation { desired, observed, because }
    }

    /// Why the level is as it is, or what comes of it and why.
    fn level_because(
        &self,
        room: RoomIx,
        user: UserIx,
        levels: &Levels<'_>,
        evaluated: Evaluated,
        plan: &Plan,
    ) -> String {
        let Evaluated { desired, observed, verdict } = evaluated;
        let words = self.power_words(room, user);
        match verdict {
            PowerVerdict::LeftAlone => Because::Folded.text(self, Some(room), Some(user)),
            PowerVerdict::Right if observed < levels.default_level() && self.granted(room, user).is_none() => {
                format!("{words}, and a level below the room's default is left alone")
            }
            PowerVerdict::Right => words,
            PowerVerdict::Edit(edit) => {
                let done = match desired.cmp(&observed) {
                    Ordering::Less => "lowered",
                    // They have it by a default that is to go.
                    Ordering::Equal => "written by name",
                    Ordering::Greater => "raised",
                };
                match self.level_outlook(room, edit, done, plan) {
                    Some(outlook) => outlook.because(&words),
                    None => self.obstacle_to_levels(room, plan).unwrap_or_else(|| {
                        format!("cannot be {done} for now (`plan` says what is in the way): {words}")
                    }),
                }
            }
            PowerVerdict::Blocked(obstacle) => obstacle.text(self, Some(room), Some(user)),
            PowerVerdict::ByDefault => {
                let edit = self.evaluate_default(room, levels).and_then(Result::ok);
                match edit.and_then(|edit| self.level_outlook(room, edit, "lowered to 0", plan)) {
                    Some(Outlook::Ahead(ahead)) => format!("{words}, and users_default, which gives more, {ahead}"),
                    Some(Outlook::Fought(fight)) => format!("{words}, and users_default gives more: {}", fight.text()),
                    None => {
                        format!(
                            "{words}, and users_default gives more; it should be 0 (`plan` says what is in the way)"
                        )
                    }
                }
            }
        }
    }

    /// What comes of one level's edit. Nothing where the plan is without it: all levels of a room are one event, which
    /// something else may be in the way of.
    fn level_outlook(&self, room: RoomIx, edit: PowerEdit, done: &str, plan: &Plan) -> Option<Outlook<'_>> {
        let is_in = |change: &Change| matches!(change, Change::SetPowerLevels { edits, .. } if edits.contains(&edit));
        let planned = plan.of(Some(room), Kind::SetPowerLevels).iter().find(|action| is_in(&action.change));
        let (is_held, fight) = (planned.is_some_and(Action::is_held), self.level_fight(room, edit));
        (planned.is_some() || fight.is_some()).then(|| self.outlook_of(Class::PowerLevels, done, is_held, fight))
    }

    /// What is in the way of the room's one event of levels. The plan says it of the bot.
    fn obstacle_to_levels(&self, room: RoomIx, plan: &Plan) -> Option<String> {
        let is_of_levels =
            |one: &&Blocked| (one.kind, one.room, one.user) == (Kind::SetPowerLevels, Some(room), self.bot());
        plan.blocked.iter().filter(is_of_levels).find_map(|one| match one.because {
            Because::Obstacle(
                obstacle @ (Obstacle::BotLacks { .. } | Obstacle::TooLarge { .. } | Obstacle::LocksOut { .. }),
            ) => Some(obstacle.text(self, Some(room), None)),
            _ => None,
        })
    }
}
