//! Telling a pool move from people who come and go: after one, the sources name other subjects for the same people.

use hashbrown::HashSet;

use crate::mirror::Membership;
use crate::plan::{Kind, Plan, PoolMove};
use crate::recent::Recent;
use crate::users::UserIx;
use crate::world::World;

/// Fewer people than this prove nothing.
const FEWEST: usize = 3;

/// Whether the plan looks like one after a pool move. New people are joined within seconds while the old ones wait for
/// approval, so a user joined after the last of those still counts as arriving.
pub(crate) fn pool_move(world: &World, recent: &Recent, plan: &Plan) -> Option<PoolMove> {
    let going = plan.going(world)?;
    let roster = world.facts.teams.len();
    let is_in = |user: UserIx| world.rooms().any(|room| world.room(room).membership(user) == Membership::Join);
    let joined = |user: &UserIx| recent.joined.of(*user);
    let last_old = going.iter().filter_map(joined).max();
    let is_new = |user: &UserIx| !is_in(*user) || joined(user).is_some_and(|its| last_old.is_none_or(|old| its > old));
    let arriving = world.facts.teams.people().filter(is_new).count();
    (arriving >= FEWEST && arriving * 2 > roster).then_some(PoolMove { roster, arriving, going: going.len() })
}

impl Plan {
    /// Whether enough users are to go that it may be a pool move: only then is the ledger asked who was joined lately.
    pub fn may_be_pool_move(&self, world: &World) -> bool {
        self.going(world).is_some()
    }

    /// Users to be removed that the roster no longer names, where they are enough to prove something. An everyday plan
    /// removes nobody or a few, so this looks at few.
    fn going(&self, world: &World) -> Option<HashSet<UserIx>> {
        let removals = world.rooms().flat_map(|room| self.of(Some(room), Kind::Remove));
        let going = removals.filter_map(|action| action.change.user());
        let going: HashSet<UserIx> = going.filter(|user| !world.facts.teams.contains(*user)).collect();
        (going.len() >= FEWEST && going.len() * 2 >= world.facts.teams.len()).then_some(going)
    }
}

impl PoolMove {
    /// One line for the reader of a plan.
    pub fn text(self) -> String {
        let Self { roster, arriving, going } = self;
        format!(
            "this looks like a pool move: {arriving} of the roster's {roster} people are new here, and {going} who are in the \
             rooms are no longer named; joins go on, and those who are to go wait for approval where the guard's limits say so"
        )
    }
}
