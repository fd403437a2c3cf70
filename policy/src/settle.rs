//! Settling: what is taken away only after the sources have said so for a while, so that rows which are deleted and inserted
//! again cost nobody anything. Which changes wait is decided here; how long, by the clock, is not.

use crate::plan::{Change, ChangeKey};
use crate::world::WorldState;

impl WorldState {
    /// Whether a change that takes something away waits. The pool's own word that an account is disabled or deleted is no row
    /// that comes back a moment later, and a stranger's place hangs on no row, nor does what another hand gave once more.
    fn must_settle(&self, taken: &ChangeKey) -> bool {
        let hangs_on_none = |user| self.is_closed_by_pool(user) || self.is_strangers(taken.kind, taken.room, user);
        !taken.user().is_some_and(hangs_on_none) && !self.is_level_raised_again(taken)
    }
}

impl Change {
    /// What of it waits until the sources have said so for long enough. What only gives never waits.
    pub fn settling(&self, world: &WorldState) -> impl Iterator<Item = ChangeKey> {
        self.taken().into_iter().filter(|key| world.must_settle(key))
    }
}
