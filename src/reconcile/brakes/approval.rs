//! Approval of what the guard holds: for one pass, and for exactly what was shown.

mod outcome;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use provisioner_policy::{Action, Change, ChangeKey, Digest, Kind, Plan, RoomStatus, UserIx, World};

pub(crate) use self::outcome::{ApprovalOutcome, ApprovedEnd};
use crate::reconcile::report::PassReport;

/// Who approves, and by which request; none where a process approves for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Approver {
    pub(crate) by: Arc<str>,
    pub(crate) request: Option<i64>,
}

/// What people approved for this pass, part by part.
#[derive(Debug, Default)]
pub(crate) struct Approval {
    /// Each part that was approved, as it was shown, and its approvers: two people may tap at once.
    approved: HashMap<ChangeKey, (Digest, Vec<Approver>)>,
    /// What came of each request so far.
    outcomes: BTreeMap<Option<i64>, ApprovalOutcome>,
}

/// How many parts were approved, and how many were left though they were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GrantedParts {
    pub(crate) parts: usize,
    pub(crate) left: usize,
}

impl Approval {
    /// Approves those of the parts `shown` that `plan` holds, but for those of users in `but`.
    pub(crate) fn grant(
        &mut self,
        world: &World,
        plan: &Plan,
        shown: &HashSet<Digest>,
        approver: &Approver,
        but: &HashSet<UserIx>,
    ) -> GrantedParts {
        let held = plan.held().flat_map(|action| action.change.parts().zip(action.change.counted()));
        let held = held.map(|(part, key)| (key, part.exact_digest(world)));
        let (left, approved): (Vec<_>, Vec<_>) = held
            .filter(|(_, digest)| shown.contains(digest))
            .partition(|(key, _)| key.user().is_some_and(|user| but.contains(&user)));
        let granted = GrantedParts { parts: approved.len(), left: left.len() };
        if granted.parts > 0 {
            self.outcome(approver.request).not_due += shown.len() - granted.parts - granted.left;
        }
        for (key, digest) in approved {
            let (shown, approvers) = self.approved.entry(key).or_insert((digest, Vec::new()));
            // What it is planned from now is what is held, and what was approved before of something else is over.
            let earlier = if *shown == digest { Vec::new() } else { std::mem::take(approvers) };
            *shown = digest;
            approvers.push(approver.clone());
            earlier.iter().for_each(|approver| self.outcome(approver.request).not_due += 1);
        }
        granted
    }

    /// The requests of which something is approved and has not ended.
    pub(crate) fn requests(&self) -> Vec<i64> {
        let approvers = self.approved.values().flat_map(|(_, approvers)| approvers);
        approvers.filter_map(|approver| approver.request).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Takes back what a request approved and has not ended: it is held again.
    pub(crate) fn take_back(&mut self, request: i64, why: String) {
        self.approved.retain(|_, (_, approvers)| {
            approvers.retain(|approver| approver.request != Some(request));
            !approvers.is_empty()
        });
        self.refuse(Some(request), why);
    }

    /// Notes why an approval was not taken.
    pub(crate) fn refuse(&mut self, request: Option<i64>, why: String) {
        self.outcome(request).refusals.push(why);
    }

    fn outcome(&mut self, request: Option<i64>) -> &mut ApprovalOutcome {
        self.outcomes.entry(request).or_default()
    }

    /// Lets the approved parts go, and says whether there are any. What is held beside them stays held. An approval ends
    /// when its part has ended or is no longer planned so: should it be planned again, or from something else, somebody is asked
    /// again.
    pub(crate) fn release(&mut self, world: &World, plan: &mut Arc<Plan>) -> bool {
        if self.approved.is_empty() {
            return false;
        }
        let parts = plan.actions.iter().flat_map(|action| action.change.parts().zip(action.change.counted()));
        let approved = parts.filter(|(_, key)| self.approved.contains_key(key));
        let planned: HashMap<ChangeKey, Digest> = approved.map(|(part, key)| (key, part.exact_digest(world))).collect();
        // Of a room that is being read nobody can say that it is planned no longer.
        let is_being_read =
            |key: &ChangeKey| key.room.is_some_and(|room| world.room(room).status == RoomStatus::Unread);
        let outcomes = &mut self.outcomes;
        self.approved.retain(|key, (digest, approvers)| {
            let is_due = planned.get(key) == Some(digest) || is_being_read(key);
            for approver in approvers.iter().filter(|_| !is_due) {
                outcomes.entry(approver.request).or_default().not_due += 1;
            }
            is_due
        });
        let plan = Arc::make_mut(plan);
        let mut actions: Vec<Action> = Vec::with_capacity(plan.actions.len());
        for action in std::mem::take(&mut plan.actions) {
            for part in self.split(action) {
                match actions.last_mut().filter(|last| last.is_due() && part.is_due()) {
                    Some(last) if is_of_the_same_event(&last.change, &part.change) => join(last, part),
                    _ => actions.push(part),
                }
            }
        }
        plan.actions = actions;
        true
    }

    /// Ends the approval of the parts of an action that has ended.
    pub(crate) fn end(&mut self, change: &Change, end: &ApprovedEnd) {
        if self.approved.is_empty() {
            return;
        }
        for key in change.counted() {
            let (_, approvers) = self.approved.remove(&key).unwrap_or_default();
            approvers.iter().for_each(|approver| self.outcome(approver.request).part_ended(end));
        }
    }

    /// What came of a request, once nothing of it is left to be done, or where `is_over`: nothing more of it is done.
    pub(crate) fn answer(&mut self, request: i64, is_over: bool, slice: &PassReport) -> Option<PassReport> {
        let is_its = |approver: &Approver| approver.request == Some(request);
        let left = self.approved.values().filter(|(_, approvers)| approvers.iter().any(is_its)).count();
        if left > 0 && !is_over {
            return None;
        }
        Some(self.outcomes.remove(&Some(request)).unwrap_or_default().report(left, slice))
    }

    /// What was shown with what was approved, and was left alone.
    pub(crate) fn not_due(&self) -> usize {
        self.outcomes.values().map(|outcome| outcome.not_due).sum()
    }

    /// Why approvals were not taken.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = &String> {
        self.outcomes.values().flat_map(|outcome| &outcome.refusals)
    }

    /// What of a held action is approved, free, and the rest.
    fn split(&self, action: Action) -> Vec<Action> {
        if !action.is_held() {
            return vec![action];
        }
        let (approved, refused) = action.change.clone().part(|key| self.approved.contains_key(key));
        let free = approved.map(|change| Action { change, held: None, ..action.clone() });
        let refused = refused.into_iter().map(|change| Action { change, ..action.clone() });
        let rest = refused.reduce(|mut rest, one| {
            join(&mut rest, one);
            rest
        });
        free.into_iter().chain(rest).collect()
    }

    /// Who approved the action, or a part of it, where somebody did.
    pub(crate) fn by(&self, action: &Action) -> Option<&str> {
        if self.approved.is_empty() {
            return None;
        }
        action.change.counted().find_map(|key| self.approved.get(&key)?.1.first().map(|first| &*first.by))
    }

    /// Whether somebody approved it.
    pub(crate) fn approves(&self, key: &ChangeKey) -> bool {
        self.approved.contains_key(key)
    }
}

/// What gives power and what takes it in one room: the guard had parted them, and approved they are one event again.
fn is_of_the_same_event(one: &Change, other: &Change) -> bool {
    one.kind() == Kind::SetPowerLevels && other.kind() == Kind::SetPowerLevels && one.room() == other.room()
}

fn join(into: &mut Action, action: Action) {
    if let Change::SetPowerLevels { edits, .. } = &mut into.change
        && let Change::SetPowerLevels { edits: more, .. } = action.change
    {
        *edits = edits.iter().copied().chain(more).collect();
    }
}

#[cfg(test)]
mod tests;
