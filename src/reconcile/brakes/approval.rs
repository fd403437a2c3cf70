//! Approval of what the guard holds: for one pass, and for exactly what was shown.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use provisioner_policy::{Action, Change, ChangeKey, Digest, Kind, Plan, World};

/// What people approved for this pass, part by part.
#[derive(Debug, Default)]
pub(crate) struct Approval {
    /// Each part that was approved, as it was shown, and its approver.
    approved: HashMap<ChangeKey, (Digest, Arc<str>)>,
    /// Why an approval was not taken.
    pub(crate) refusals: Vec<String>,
    /// What was shown and is no longer held: it is left alone.
    pub(crate) not_due: usize,
}

impl Approval {
    /// Approves those of the parts `shown` that `plan` holds, and says how many these are.
    pub(crate) fn grant(&mut self, world: &World, plan: &Plan, shown: &HashSet<Digest>, by: &str) -> usize {
        let by: Arc<str> = by.into();
        let held = plan.held().flat_map(|action| action.change.parts().zip(action.change.counted()));
        let held = held.map(|(part, key)| (key, part.exact_digest(world)));
        let approved: Vec<(ChangeKey, Digest)> = held.filter(|(_, digest)| shown.contains(digest)).collect();
        let count = approved.len();
        if count > 0 {
            self.not_due += shown.len() - count;
        }
        self.approved.extend(approved.into_iter().map(|(key, digest)| (key, (digest, Arc::clone(&by)))));
        count
    }

    /// Lets the approved parts go, and says whether there are any. What is held beside them stays held. An approval ends
    /// when its part is done or no longer planned so: should it be planned again, or from something else, somebody is asked again.
    pub(crate) fn release(&mut self, world: &World, plan: &mut Arc<Plan>) -> bool {
        if self.approved.is_empty() {
            return false;
        }
        let parts = plan.actions.iter().flat_map(|action| action.change.parts().zip(action.change.counted()));
        let approved = parts.filter(|(_, key)| self.approved.contains_key(key));
        let planned: HashMap<ChangeKey, Digest> = approved.map(|(part, key)| (key, part.exact_digest(world))).collect();
        self.approved.retain(|key, (digest, _)| planned.get(key) == Some(digest));
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
        action.change.counted().find_map(|key| self.approved.get(&key).map(|(_, by)| &**by))
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
