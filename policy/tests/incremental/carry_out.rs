//! A plan, carried out.

use provisioner_policy::*;

/// Does to the world what the homeserver would do.
pub(crate) fn carry_out(world: &mut World, recent: &Recent) {
    let plan = plan(world, recent);
    plan.due().for_each(|action| world.take_effect(&action.change));
    for ClearedLeave { room, user, event_id } in plan.cleared_leaves {
        world.clear_leave(room, user, &event_id);
    }
}
