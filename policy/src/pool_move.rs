//! Telling a pool move from people who come and go: after one, the sources name other subjects for the same people.

use hashbrown::HashSet;

use crate::guard::Recent;
use crate::mirror::Membership;
use crate::plan::{Change, Plan};
use crate::users::UserIx;
use crate::world::World;

/// Fewer people than this prove nothing.
const FEWEST: usize = 3;

/// Most of the roster's subjects changed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolMove {
    /// People of the roster, and those of them who are new: in none of the rooms yet, or joined only lately.
    pub roster: usize,
    pub arriving: usize,
    /// People who are to be removed and whom the roster does not name.
    pub going: usize,
}

/// Whether the plan looks like one after a pool move. New people are joined within seconds while the old ones wait for
/// approval, so whoever was joined after the last of those counts as arriving still.
pub(crate) fn pool_move(world: &World, recent: &Recent, plan: &Plan) -> Option<PoolMove> {
    let going: HashSet<UserIx> = plan
        .actions
        .iter()
        .filter_map(|action| match action.change {
            Change::Remove { user, .. } if !world.facts.places.contains(user) => Some(user),
            _ => None,
        })
        .collect();
    let roster = world.facts.places.len();
    // Cheap for the everyday plan, which removes nobody or a few.
    if going.len() < FEWEST || going.len() * 2 < roster {
        return None;
    }
    let is_in = |user: UserIx| world.rooms().any(|room| world.room(room).membership(user) == Membership::Join);
    let joined = |user: &UserIx| recent.joined.get(user).copied();
    let last_old = going.iter().filter_map(joined).max();
    let is_new = |user: &UserIx| !is_in(*user) || joined(user).is_some_and(|its| last_old.is_none_or(|old| its > old));
    let arriving = world.facts.places.people().filter(is_new).count();
    (arriving >= FEWEST && arriving * 2 > roster).then_some(PoolMove { roster, arriving, going: going.len() })
}

impl PoolMove {
    /// One line for the reader of a plan.
    pub fn text(self) -> String {
        let Self { roster, arriving, going } = self;
        format!(
            "this looks like a pool move: {arriving} of the roster's {roster} people are new here, and {going} who are in the \
             rooms are no longer named; joins go on, and whoever is to go waits for approval where the guard's limits say so"
        )
    }
}
