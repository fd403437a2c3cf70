//! The guard: how much may be taken away before somebody is asked.
//!
//! Counted per class over a sliding window, so that a slow drip is caught like a flood. It only marks; it never drops an
//! action.

use hashbrown::{HashMap, HashSet};

use crate::facts::SourceState;
use crate::plan::{Action, Change, Class, HoldReason, Plan, PowerEdit};
use crate::policy::{Mode, RoomIx};
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
            (_, Some(room)) => {
                let there = self.room(room).joined() + self.room(room).invited_by_us();
                there.saturating_sub(self.strangers.members(room))
            }
            (Class::ServerAdmins, None) => self.mirror.accounts.admins(),
            (_, None) => self.mirror.accounts.present(),
        }
    }
}

/// Marks what needs approval. Of strangers' places nothing is counted and nothing held, so that however many come, what is due
/// among the others stays the same; only an empty answer, by which everybody may seem a stranger, holds them too.
pub(crate) fn guard(world: &World, recent: &Recent, plan: &mut Plan) {
    let mut planned: HashMap<Bucket, u32> = HashMap::new();
    for change in plan.actions.iter().map(|action| &action.change).filter(|change| change.takes() > 0) {
        *planned.entry((change.class(), change.room())).or_default() += world.rightful(change);
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
    let reason = |mode: Mode, part: &Change| match holds.get(&(part.class(), part.room())) {
        Some(empty @ (HoldReason::EmptyRoster | HoldReason::EmptyGroup)) => Some(*empty),
        over => {
            let over = over.copied().filter(|_| world.rightful(part) > 0);
            let shown = || mode == Mode::Enforce && recent.withheld.holds(world, part);
            over.or_else(|| shown().then_some(HoldReason::Shown))
        }
    };
    plan.actions = std::mem::take(&mut plan.actions).into_iter().flat_map(|action| withhold(action, &reason)).collect();
}

fn hold(world: &World, recent: &Recent, bucket: Bucket, planned: u32, total: u32) -> Option<HoldReason> {
    let limits = &world.policy.guard;
    if let Some(empty) = world.empty_answer(bucket) {
        return Some(empty);
    }
    if planned == 0 {
        return None;
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

/// The action, held where there is a reason. A change of levels is split: what lowers is held, and what raises goes on.
fn withhold(action: Action, reason: &impl Fn(Mode, &Change) -> Option<HoldReason>) -> impl Iterator<Item = Action> {
    if action.change.takes() == 0 {
        return [Some(action), None].into_iter().flatten();
    }
    let Change::SetPowerLevels { room, edits } = &action.change else {
        let held = reason(action.mode, &action.change);
        return [Some(Action { held, ..action }), None].into_iter().flatten();
    };
    let with = |edits: Vec<PowerEdit>| Change::SetPowerLevels { room: *room, edits: edits.into() };
    let mut why = None;
    let (held, free): (Vec<PowerEdit>, Vec<PowerEdit>) = edits.iter().copied().partition(|edit| {
        let reason = edit.lowers.then(|| reason(action.mode, &with(vec![*edit]))).flatten();
        // What counts now is told before what was shown once.
        why = why.filter(|why| *why != HoldReason::Shown || reason.is_none()).or(reason);
        reason.is_some()
    });
    let part = |edits: Vec<PowerEdit>, held| {
        (!edits.is_empty()).then(|| Action { change: with(edits), held, ..action.clone() })
    };
    [part(free, None), part(held, why)].into_iter().flatten()
}
