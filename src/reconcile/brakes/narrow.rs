//! Events of levels without what must not be done yet: the other levels in them do not wait for it.

use std::sync::Arc;

use provisioner_policy::{ChangeKey, Kind, Plan, World};

/// Leaves out of each due event of levels what `may` refuses, where anything else is in it. Returns whether anything is left
/// out.
pub(crate) fn narrow(world: &World, plan: &mut Arc<Plan>, may: impl Fn(&ChangeKey) -> bool) -> bool {
    let levels = world.rooms().flat_map(|room| plan.of(Some(room), Kind::SetPowerLevels));
    let mut due = levels.filter(|action| action.is_due()).map(|action| &action.change);
    if due.all(|change| change.counted().iter().all(&may)) {
        return false;
    }
    let actions = &mut Arc::make_mut(plan).actions;
    let of_levels = actions.iter_mut().filter(|action| action.change.kind() == Kind::SetPowerLevels);
    for action in of_levels.filter(|action| action.is_due()) {
        if let (Some(now_due), _) = action.change.clone().part(&may) {
            action.change = now_due;
        }
    }
    true
}
