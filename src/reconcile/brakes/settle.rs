//! Settling: what takes something away waits until it has been planned without a break for `guard.settle`, and until the
//! sources said so again after that. A row that is deleted and inserted again costs nobody their place.
//!
//! What the sources say counts for the slice that follows. What that slice does not do (a failed call, a room that is being
//! read, a pause) is asked about again before the next one does it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use provisioner_policy::{Change, ChangeKey, ClearedLeave, Kind, Plan, World};

use crate::reconcile::brakes::approval::Approval;

/// What waits until it has settled.
#[derive(Debug, Default)]
pub(crate) struct Settle {
    /// When each change that takes something away will have been planned for long enough, if it is planned until then.
    settled_at: HashMap<ChangeKey, Instant>,
    /// When the sources were last asked.
    asked: Option<Instant>,
    /// They were asked for the slice that comes next.
    is_fresh: bool,
    /// Something waits for nothing but another answer of theirs.
    wants_asking: AtomicBool,
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
        // That somebody lost the right to a place is settled before their leave by choice is cleared. What Synapse did in the name
        // of an account that was closed is no question of a source's.
        let cleared = plan.cleared_leaves.iter().filter(|leave| !world.mirror.accounts.get(leave.user).deactivated);
        let settling =
            plan.due().flat_map(|action| action.change.settling(world)).chain(cleared.map(ClearedLeave::key));
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
        (self.asked, self.is_fresh) = (Some(now), true);
        *self.wants_asking.get_mut() = false;
    }

    /// A slice is over. What the sources said was for that slice.
    pub(crate) fn end_slice(&mut self, paused: bool) {
        self.is_fresh = false;
        *self.wants_asking.get_mut() &= !paused;
    }

    /// Whether something waits for nothing but another answer of the sources.
    pub(crate) fn wants_asking(&self) -> bool {
        self.wants_asking.load(Ordering::Relaxed)
    }

    /// Whether the sources were asked at this time or later.
    pub(crate) fn was_asked_since(&self, at: Instant) -> bool {
        self.asked >= Some(at)
    }

    /// Whether it need not wait any longer, which is asked of what waits for nothing else.
    pub(crate) fn may(&self, key: &ChangeKey) -> bool {
        let Some(at) = self.settled_at.get(key) else { return true };
        let has_settled = self.was_asked_since(*at);
        if has_settled && !self.is_fresh {
            self.wants_asking.store(true, Ordering::Relaxed);
        }
        has_settled && self.is_fresh
    }

    /// The same of a whole change.
    pub(crate) fn is_due(&self, change: &Change) -> bool {
        self.settled_at.is_empty() || change.counted().all(|key| self.may(&key))
    }

    /// Whether all of a change was planned for long enough, and the sources said so again, be it a while ago.
    pub(crate) fn has_settled(&self, change: &Change) -> bool {
        let at = |key| self.settled_at.get(&key).copied();
        self.settled_at.is_empty() || change.counted().filter_map(at).all(|at| self.was_asked_since(at))
    }

    /// How much waits of what takes something away.
    pub(crate) fn len(&self) -> usize {
        let takes = self.settled_at.iter().filter(|(key, _)| key.kind != Kind::Join);
        takes.filter(|(_, at)| !self.was_asked_since(**at)).count()
    }

    /// When the sources are to be asked again: the first of what waits will have been planned for long enough, or waits for
    /// nothing else.
    pub(crate) fn next(&self) -> Option<Instant> {
        let at_once = self.asked.filter(|_| self.wants_asking());
        self.waiting().chain(at_once).min()
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
