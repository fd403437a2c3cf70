//! What is the same for every member of a room when their membership is decided. The planner that remembers compares it, so
//! nothing else that members share may decide.

use std::sync::Arc;

use crate::facts::AccountsFrom;
use crate::planner::is_idle;
use crate::policy::RoomIx;
use crate::standing::Standing;
use crate::users::UserIx;
use crate::world::World;

/// What all members of a room share.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MembersInputs {
    /// Nothing is planned in the room.
    pub(crate) idle: bool,
    /// Nobody is removed from it.
    frozen: bool,
    /// The pool's word on who is gone cannot be taken.
    pool_frozen: bool,
    /// A source answered nothing at all.
    empty: bool,
    listed: bool,
    from: AccountsFrom,
    /// Read from the room's levels, which are long: kept for as long as the room's state is the same.
    pub(crate) standing: Arc<Standing>,
}

impl MembersInputs {
    pub(crate) fn of(world: &World, room: RoomIx) -> Self {
        Self::with(world, room, Arc::new(Standing::of(world, room)))
    }

    pub(crate) fn with(world: &World, room: RoomIx, standing: Arc<Standing>) -> Self {
        Self {
            idle: is_idle(world, room),
            frozen: world.freeze(room).is_some(),
            pool_frozen: world.pool_freeze().is_some(),
            empty: world.has_empty_answer(room),
            listed: world.mirror.accounts_listed,
            from: world.facts.accounts_from,
            standing,
        }
    }

    /// Whether nothing is to be concluded of `user` belonging here no longer.
    pub(super) fn is_doubtful(&self, world: &World, user: UserIx) -> bool {
        self.is_frozen(world, user) || self.empty && !world.is_closed_by_pool(user)
    }

    /// Whether `user` may not be removed for now: [`crate::world::WorldState::freeze_of_member`], looked up.
    pub(super) fn is_frozen(&self, world: &World, user: UserIx) -> bool {
        if world.is_closed_by_pool(user) { self.pool_frozen } else { self.frozen }
    }
}
