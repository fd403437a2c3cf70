//! The guard: how much may be taken away before somebody is asked.
//!
//! Counted per class over a sliding window, so that a slow drip is caught like a flood. It only marks; it never drops an
//! action.

use hashbrown::{HashMap, HashSet};

use crate::facts::SourceState;
use crate::plan::{Action, Change, Class, HoldReason, Plan, PowerEdit};
use crate::policy::RoomIx;
use crate::recent::{Bucket, Recent};
use crate::world::{Matcher, World};

impl World {
    /// Whether the roster answered no row at all: an empty answer, for which the guard holds every removal.
    pub fn roster_is_suspect(&self, room: RoomIx) -> bool {
        self.is_suspect(&self.members[room.index()])
    }

    fn is_suspect(&self, selectors: &[Matcher]) -> bool {
        self.facts.roster == SourceState::Good && self.facts.roster_rows == 0 && self.depend_on_roster(selectors)
    }

    /// Whether a selector names a group that was read and has no members.
    fn has_empty_group(&self, selectors: &[Matcher]) -> bool {
        selectors.iter().any(|selector| match selector {
            Matcher::Group(group) => {
                self.facts.group_states.get(group) == Some(&SourceState::Good)
                    && self.facts.groups.get(group).is_none_or(HashSet::is_empty)
            }
            Matcher::Everyone | Matcher::Team(_) | Matcher::TeamRole(..) | Matcher::Subject(_) => false,
        })
    }

    /// The empty answer behind this bucket, if there is one: everything it takes away is held.
    fn empty_answer(&self, (class, room): Bucket) -> Option<HoldReason> {
        let of = |selectors: &[Matcher]| match () {
            () if self.is_suspect(selectors) => Some(HoldReason::EmptyRoster),
            () if self.has_empty_group(selectors) => Some(HoldReason::EmptyGroup),
            () => None,
        };
        match (class, room) {
            (Class::PowerLevels, Some(room)) => {
                self.power[room.index()].iter().find_map(|(_, selectors)| of(selectors))
            }
            (_, Some(room)) => of(&self.members[room.index()]),
            (Class::ServerAdmins, None) => of(&self.admins),
            (_, None) => None,
        }
    }

    /// The size that a bucket's share is of, without what was taken within the window.
    fn population(&self, (class, room): Bucket) -> u32 {
        match (class, room) {
            (_, Some(room)) => self.room(room).joined() + self.room(room).invited(),
            (Class::ServerAdmins, None) => self.mirror.accounts.admins(),
            (_, None) => self.mirror.accounts.present(),
        }
    }
}

/// Marks what needs approval.
pub(crate) fn guard(world: &World, recent: &Recent, plan: &mut Plan) {
    let mut planned: HashMap<Bucket, u32> = HashMap::new();
    for change in plan.actions.iter().map(|action| &action.change).filter(|change| change.takes() > 0) {
        *planned.entry((change.class(), change.room())).or_default() += change.takes();
    }
    if planned.is_empty() {
        return;
    }
    let mut totals: HashMap<Class, u32> = HashMap::new();
    for ((class, _), taken) in planned.iter().chain(&recent.taken) {
        *totals.entry(*class).or_default() += taken;
    }
    let holds: HashMap<Bucket, HoldReason> = planned
        .iter()
        .filter_map(|(&bucket, &taken)| Some((bucket, hold(world, recent, bucket, taken, totals[&bucket.0])?)))
        .collect();
    // The source looks wrong while removals are held for it: do not clear voluntary leaves on its word either.
    if holds.keys().any(|(class, _)| *class == Class::Removals) {
        plan.cleared_leaves.clear();
    }
    let held = |change: &Change| holds.get(&(change.class(), change.room())).copied().filter(|_| change.takes() > 0);
    plan.actions = std::mem::take(&mut plan.actions)
        .into_iter()
        .flat_map(|action| match held(&action.change) {
            None => [Some(action), None],
            Some(hold) => withhold(action, hold),
        })
        .flatten()
        .collect();
}

fn hold(world: &World, recent: &Recent, bucket: Bucket, planned: u32, total: u32) -> Option<HoldReason> {
    let limits = &world.policy.guard;
    if let Some(empty) = world.empty_answer(bucket) {
        return Some(empty);
    }
    let class = bucket.0;
    let before = recent.taken.get(&bucket).copied().unwrap_or_default();
    let taken = planned + before;
    // Users removed within the window were members when it began; a lowered level leaves its owner a member.
    let gone = if class == Class::PowerLevels { 0 } else { before };
    let now = world.population(bucket) + gone;
    let of = recent.of.get(&bucket).map_or(now, |first| now.min(*first));
    if taken > limits.free_removals && f64::from(taken) > limits.max_fraction * f64::from(of) {
        return Some(HoldReason::Fraction { class, taken, of });
    }
    (total > limits.max_removals).then_some(HoldReason::Total { class, taken: total })
}

/// The action, held. A change of levels is split: what lowers is held, what raises goes on.
fn withhold(action: Action, hold: HoldReason) -> [Option<Action>; 2] {
    let Change::SetPowerLevels { room, edits } = &action.change else {
        return [Some(Action { held: Some(hold), ..action }), None];
    };
    let (lowers, raises): (Vec<PowerEdit>, Vec<PowerEdit>) = edits.iter().copied().partition(|edit| edit.lowers);
    let part = |edits: Vec<PowerEdit>, held| {
        (!edits.is_empty()).then(|| {
            let change = Change::SetPowerLevels { room: *room, edits: edits.into() };
            Action { change, held, ..action.clone() }
        })
    };
    [part(raises, None), part(lowers, Some(hold))]
}
