//! The guard: how much may be taken away before somebody is asked.
//!
//! Counted over a sliding window, so that a slow drip is caught like a flood. It only marks; it never drops an action.

use hashbrown::HashMap;

use crate::facts::SourceState;
use crate::plan::{Hold, Kind, Plan};
use crate::world::{RoomIx, World};

/// What was taken away within the window, from the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// Removals carried out, by room.
    pub removals: HashMap<RoomIx, u32>,
}

impl World {
    /// Whether the roster's answer is one that nobody should be removed for without being asked.
    pub fn roster_is_suspect(&self, room: RoomIx) -> bool {
        self.depends_on_roster(room) && self.facts.roster == SourceState::Good && self.facts.roster_rows == 0
    }
}

/// Marks the removals that need approval.
pub(crate) fn guard(world: &World, recent: &Recent, plan: &mut Plan) {
    let mut planned: HashMap<RoomIx, u32> = HashMap::new();
    for action in plan.actions.iter().filter(|action| action.change.kind() == Kind::Remove) {
        if let Some(room) = action.change.room() {
            *planned.entry(room).or_default() += 1;
        }
    }
    if planned.is_empty() {
        return;
    }
    let limits = &world.policy.guard;
    let total: u32 = planned.values().sum::<u32>() + recent.removals.values().sum::<u32>();
    let hold_of = |room: RoomIx| {
        if world.roster_is_suspect(room) {
            return Some(Hold::EmptyRoster);
        }
        let before = recent.removals.get(&room).copied().unwrap_or_default();
        let removals = planned[&room] + before;
        // Those removed within the window were members when it began.
        let members = world.room(room).joined() + world.room(room).invited() + before;
        if removals > limits.free_removals && f64::from(removals) > limits.max_fraction * f64::from(members) {
            return Some(Hold::Fraction { removals, members });
        }
        (total > limits.max_removals).then_some(Hold::Total(total))
    };
    let holds: HashMap<RoomIx, Option<Hold>> = planned.keys().map(|&room| (room, hold_of(room))).collect();
    for action in plan.actions.iter_mut().filter(|action| action.change.kind() == Kind::Remove) {
        action.held = action.change.room().and_then(|room| holds[&room]);
    }
}
