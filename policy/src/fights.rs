//! Fights in a plan: what somebody keeps undoing is not done again for a while, and the plan says who that is.

use hashbrown::HashSet;

use crate::fight::Fight;
use crate::plan::{Action, Change, ChangeKey, Plan, PowerEdit};
use crate::policy::RoomIx;
use crate::view::BlockedView;
use crate::world::World;

impl World {
    /// The fight about a change, where there is one. Of several levels in one event each is counted by itself.
    pub fn fight(&self, change: &Change) -> Option<&Fight> {
        if self.fights.is_empty() {
            return None;
        }
        change.counted().find_map(|key| self.fights.get(&key))
    }

    pub(crate) fn level_fight(&self, room: RoomIx, edit: PowerEdit) -> Option<&Fight> {
        self.fights.get(&ChangeKey::of_level(room, edit.of, edit.after))
    }

    /// Who or what of its room a change is about, in a word.
    pub fn subject_of(&self, key: &ChangeKey) -> Option<String> {
        let setting = || key.setting().map(|setting| setting.key().to_owned());
        let level = || key.room.zip(key.level()).map(|(room, of)| self.level_name(room, of));
        key.user().map(|user| self.users.mxid(user)).or_else(setting).or_else(level)
    }
}

/// Takes what somebody keeps undoing out of what is done, into [`Plan::fought_over`]. What takes power that policy gives to
/// nobody stays in: at rest it would leave that power to those who fight for it.
pub(crate) fn withdraw(world: &World, plan: &mut Plan) {
    if world.fights.is_empty() {
        return;
    }
    for action in std::mem::take(&mut plan.actions) {
        let Action { mode, held, because, .. } = action;
        let restraining: HashSet<ChangeKey> = action.change.restraining().collect();
        let rests = |key: &ChangeKey| world.fights.get(key).is_some_and(|fight| fight.again_at.is_some());
        let (kept, undone) = action.change.part(|key| restraining.contains(key) || !rests(key));
        let again = |change| Action { change, mode, held, because };
        plan.actions.extend(kept.map(again));
        // What hangs on a default that somebody keeps raising waits for it, and nobody undoes it.
        plan.fought_over.extend(undone.into_iter().filter(|change| world.fight(change).is_some()).map(again));
    }
}

impl Plan {
    /// What somebody keeps undoing, in words. A setting or level of the room is blocked for the bot.
    pub fn fought_over_views(&self, world: &World) -> impl Iterator<Item = BlockedView> {
        self.fought_over.iter().map(|Action { change, .. }| {
            let key = change.counted().next().unwrap_or_else(|| change.key());
            let of_room = key.user().is_none().then(|| world.subject_of(&key)).flatten();
            let of_room = of_room.map(|subject| format!("{subject}: ")).unwrap_or_default();
            let why = world.fight(change).map(Fight::text).unwrap_or_default();
            BlockedView {
                kind: change.kind(),
                room: change.room().map(|room| room.key(world).to_owned()),
                user: world.users.mxid(key.user().unwrap_or_else(|| world.bot())),
                because: format!("{of_room}{why}"),
            }
        })
    }
}
