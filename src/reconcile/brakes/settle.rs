//! Settling: what takes something away waits until it has been planned without a break for `guard.settle`, and until the
//! sources said so again after that. A row that is deleted and inserted again costs nobody their place.

use std::collections::HashMap;
use std::time::Instant;

use provisioner_policy::{Change, ChangeKey, Plan, World};

use crate::reconcile::brakes::approval::Approval;

/// What waits until it has settled.
#[derive(Debug, Default)]
pub(crate) struct Settle {
    /// When each change that takes something away will have been planned for long enough, if it is planned until then.
    settled_at: HashMap<ChangeKey, Instant>,
    /// When the sources were last asked.
    asked: Option<Instant>,
}

impl Settle {
    /// Notes what is planned now. What is planned no longer begins anew when it is planned again; what somebody approved does
    /// not wait.
    pub(crate) fn note(&mut self, world: &World, plan: &Plan, approval: &Approval, now: Instant) {
        let settle = world.policy.settle;
        let before = std::mem::take(&mut self.settled_at);
        if settle.is_zero() {
            return;
        }
        let settling = plan.due().flat_map(|action| action.change.settling(world));
        let unapproved = settling.filter(|key| !approval.approves(key));
        // Of a room that is being read nobody can say that it is planned no longer.
        let is_idle = |key: &ChangeKey| key.room.is_some_and(|room| plan.idle_rooms.contains(&room));
        let idle: Vec<ChangeKey> = before.keys().filter(|key| is_idle(key)).cloned().collect();
        self.settled_at = unapproved
            .chain(idle)
            .map(|key| {
                let at = before.get(&key).copied().unwrap_or(now + settle);
                (key, at)
            })
            .collect();
    }

    /// The sources are asked now: what they say is newer than what settled before.
    pub(crate) fn ask(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// Whether the sources were asked at this time or later.
    pub(crate) fn was_asked_since(&self, at: Instant) -> bool {
        self.asked >= Some(at)
    }

    /// Whether it need not wait any longer.
    pub(crate) fn may(&self, key: &ChangeKey) -> bool {
        self.settled_at.get(key).is_none_or(|at| self.was_asked_since(*at))
    }

    /// Whether nothing of a change need wait any longer.
    pub(crate) fn is_due(&self, change: &Change) -> bool {
        self.settled_at.is_empty() || change.counted().all(|key| self.may(&key))
    }

    /// How much waits.
    pub(crate) fn len(&self) -> usize {
        self.waiting().count()
    }

    /// When the first of what waits will have been planned for long enough: then the sources are to be asked again.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.waiting().min()
    }

    /// When all of what waits now will have been.
    pub(crate) fn last(&self) -> Option<Instant> {
        self.waiting().max()
    }

    fn waiting(&self) -> impl Iterator<Item = Instant> + '_ {
        self.settled_at.values().copied().filter(|at| !self.was_asked_since(*at))
    }
}

#[cfg(test)]
mod tests;
