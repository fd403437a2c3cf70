//! Approval of what the guard holds: for one pass, and for exactly what was shown.

use std::collections::HashSet;
use std::sync::Arc;

use provisioner_policy::{Action, Change, ChangeKey, Kind, Plan, World};

/// What somebody approved for this pass. The id of a held part is made from what it holds, so it outlives a restart and no
/// other part has it.
#[derive(Debug, Default)]
pub(crate) struct Approval {
    approved: HashSet<ChangeKey>,
    by: String,
    /// Why an approval was not taken.
    pub(crate) refusals: Vec<String>,
}

impl Approval {
    /// Approves the held part of `plan`.
    pub(crate) fn grant(&mut self, plan: &Plan, by: &str) {
        self.approved.extend(plan.held().flat_map(|action| action.change.counted()));
        by.clone_into(&mut self.by);
    }

    /// Refuses `id`, which is not what `plan` holds.
    pub(crate) fn refuse(&mut self, world: &World, plan: &Plan, id: &str) {
        self.refusals.push(match plan.held_id(world) {
            Some(now) => format!(
                "{id} is not what is held now: look at `plan` again, and approve {now} if that is what you mean"
            ),
            None => format!("{id} is not approved: nothing is held"),
        });
    }

    /// Lets the approved actions go, and says whether there are any. What is held beside them stays held.
    pub(crate) fn release(&self, plan: &mut Arc<Plan>) -> bool {
        if self.approved.is_empty() {
            return false;
        }
        let plan = Arc::make_mut(plan);
        plan.actions.iter_mut().filter(|action| self.covers(&action.change)).for_each(|one| one.held = None);
        let mut actions: Vec<Action> = Vec::with_capacity(plan.actions.len());
        for action in std::mem::take(&mut plan.actions) {
            match actions.last_mut().filter(|last| last.is_due() && action.is_due()) {
                Some(last) if is_of_the_same_event(&last.change, &action.change) => join(last, action),
                _ => actions.push(action),
            }
        }
        plan.actions = actions;
        true
    }

    /// Who approved the action, or a part of it, where somebody did.
    pub(crate) fn by(&self, action: &Action) -> Option<&str> {
        let approved = action.change.counted().iter().any(|key| self.approved.contains(key));
        (!self.approved.is_empty() && approved).then_some(self.by.as_str())
    }

    /// Whether somebody approved it.
    pub(crate) fn approves(&self, key: &ChangeKey) -> bool {
        self.approved.contains(key)
    }

    fn covers(&self, change: &Change) -> bool {
        change.counted().iter().all(|key| self.approved.contains(key))
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
