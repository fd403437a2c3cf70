//! Approval of what the guard holds: for one pass, and for exactly what was shown.

use std::collections::HashSet;
use std::sync::Arc;

use provisioner_policy::{Action, ChangeKey, Plan, World};

/// What somebody approved for this pass. The id of a held part is made from what it holds, so it outlives a restart and no
/// other part has it.
#[derive(Debug, Default)]
pub(super) struct Approval {
    approved: HashSet<ChangeKey>,
    by: String,
    /// Why an approval was not taken.
    pub(super) refusals: Vec<String>,
}

impl Approval {
    /// Approves the held part of `plan`.
    pub(super) fn approve(&mut self, plan: &Plan, by: &str) {
        self.approved.extend(plan.held().map(|action| action.change.key()));
        by.clone_into(&mut self.by);
    }

    /// Refuses `id`, which is not what `plan` holds.
    pub(super) fn refuse(&mut self, world: &World, plan: &Plan, id: &str) {
        self.refusals.push(match plan.held_id(world) {
            Some(now) => format!(
                "{id} is not what is held now: look at `plan` again, and approve {now} if that is what you mean"
            ),
            None => format!("{id} is not approved: nothing is held"),
        });
    }

    /// Lets the approved actions go, and says whether there are any. What is held beside them stays held.
    pub(super) fn release(&self, plan: &mut Arc<Plan>) -> bool {
        if !self.approved.is_empty() {
            Arc::make_mut(plan)
                .actions
                .iter_mut()
                .filter(|action| self.approved.contains(&action.change.key()))
                .for_each(|one| one.held = None);
        }
        !self.approved.is_empty()
    }

    /// Who approved the action, where somebody did.
    pub(super) fn by(&self, action: &Action) -> Option<&str> {
        self.approved.contains(&action.change.key()).then_some(self.by.as_str())
    }
}
