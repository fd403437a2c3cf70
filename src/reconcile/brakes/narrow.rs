//! Events of levels without what must not be done yet: the other levels in them do not wait for it.

use std::sync::Arc;

use provisioner_policy::{Action, Change, ChangeKey, Kind, Plan, World};

/// Leaves out of each due event of levels what `may` refuses, where anything else is in it. Returns whether anything is left
/// out.
pub(crate) fn narrow(world: &World, plan: &mut Arc<Plan>, may: impl Fn(&ChangeKey) -> bool) -> bool {
    let levels = world.rooms().flat_map(|room| plan.of(Some(room), Kind::SetPowerLevels));
    let mut due = levels.filter(|action| action.is_due()).map(|action| &action.change);
    if due.all(|change| change.counted().all(|key| may(&key))) {
        return false;
    }
    let narrowed = |change: &Change| match change.clone().part(&may) {
        (Some(now_due), refused) if !refused.is_empty() => Some(now_due),
        // All of it waits, and may not be tried as it is.
        _ => None,
    };
    let of_levels = |action: &Action| action.is_due() && action.change.kind() == Kind::SetPowerLevels;
    let due = plan.actions.iter().enumerate().filter(|(_, action)| of_levels(action));
    let changed: Vec<(usize, Change)> =
        due.filter_map(|(index, action)| Some((index, narrowed(&action.change)?))).collect();
    if changed.is_empty() {
        return false;
    }
    let actions = &mut Arc::make_mut(plan).actions;
    changed.into_iter().for_each(|(index, change)| actions[index].change = change);
    true
}
