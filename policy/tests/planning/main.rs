//! What the core plans, says and remembers, area by area. What brakes it is tested in `guard/`, what levels and settings of rooms cost in
//! `rooms/`, and that judging a few is as good as judging everybody in `incremental/`.

mod accounts;
mod admins;
mod backgrounds;
mod denied;
mod done;
mod emptied_teams;
mod fights;
mod follow;
mod groups;
mod kept;
mod kinds;
mod leaves;
mod obstacles;
mod planner;
mod profiles;
mod promises;
mod returns;

use provisioner_policy::*;

/// Does to the world what the homeserver would do, and plans again.
fn plan_once_carried_out(world: &mut World) -> Plan {
    let first = plan(world, &Recent::default());
    first.due().for_each(|action| world.take_effect(&action.change));
    for pardon in &first.cleared_leaves {
        world.clear_leave(pardon.room, pardon.user, &pardon.event_id);
    }
    plan(world, &Recent::default())
}
