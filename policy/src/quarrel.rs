//! Quarrels: what somebody keeps undoing is not done again for a while, and the plan says who that is.

use crate::plan::{Action, ChangeKey, Plan};
use crate::view::BlockedView;
use crate::world::World;

/// A change that was done, and undone by somebody else, too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarrel {
    /// How often it was done, and undone, within the window.
    pub times: u32,
    pub window_minutes: u64,
    /// Who undid it, where that is known.
    pub by: Option<String>,
    /// When it is tried again, for people to read.
    pub again_at: String,
}

impl Quarrel {
    /// The quarrel as a clause that reads alone.
    pub fn text(&self) -> String {
        let Self { times, window_minutes, by, again_at } = self;
        let by = by.as_deref().unwrap_or("somebody");
        format!(
            "undone {times} times in {window_minutes} minutes by {by}; ask them why, or take their power to do it; it is tried \
             again at {again_at}"
        )
    }
}

impl World {
    /// The quarrel about a change, where there is one.
    pub fn quarrel(&self, key: &ChangeKey) -> Option<&Quarrel> {
        if self.quarrels.is_empty() { None } else { self.quarrels.get(key) }
    }
}

/// Takes what somebody keeps undoing out of what is done, into [`Plan::undone`].
pub(crate) fn withdraw(world: &World, plan: &mut Plan) {
    if world.quarrels.is_empty() {
        return;
    }
    let (undone, actions) =
        std::mem::take(&mut plan.actions).into_iter().partition(|action| world.quarrel(&action.change.key()).is_some());
    (plan.undone, plan.actions) = (undone, actions);
}

impl Plan {
    /// What somebody keeps undoing, in words. A change of the room itself is blocked for the bot.
    pub(crate) fn undone_views(&self, world: &World) -> impl Iterator<Item = BlockedView> {
        self.undone.iter().map(|Action { change, .. }| BlockedView {
            kind: change.kind(),
            room: change.room().map(|room| room.key(world).to_owned()),
            user: world.users.mxid(change.user().unwrap_or_else(|| world.bot())),
            because: world.quarrel(&change.key()).map(Quarrel::text).unwrap_or_default(),
        })
    }
}
