//! A plan, carried out.

use provisioner_policy::*;
use serde_json::json;

use crate::BOT;
use crate::happen::event;

/// Does to the world what the homeserver would do.
pub(crate) fn carry_out(world: &mut World, recent: &Recent) {
    let plan = plan(world, recent);
    let there = |world: &World, user| world.mirror.accounts.get(user);
    for action in plan.due() {
        match &action.change {
            &Change::CreateAccount { user } | &Change::RestoreAccount { user, .. } => {
                world.set_there(user, OnServer { present: true, ..OnServer::default() });
            }
            &Change::LockAccount { user } => {
                world.set_closed(user, Some(Closed::Locked));
                world.set_there(user, OnServer { locked: true, ..there(world, user) });
            }
            &Change::DeactivateAccount { user } => {
                world.set_closed(user, Some(Closed::Deactivated));
                world.set_there(user, OnServer { deactivated: true, ..there(world, user) });
            }
            &Change::GrantServerAdmin { user } => world.set_there(user, OnServer { admin: true, ..there(world, user) }),
            &Change::RevokeServerAdmin { user } => {
                world.set_there(user, OnServer { admin: false, ..there(world, user) })
            }
            &Change::Join { room, user, .. } => world.set_member(room, user, Membership::Join, None),
            &Change::Remove { room, user, .. } => world.set_member(room, user, Membership::Removed, None),
            Change::SetRoomState { room, setting, after, .. } => {
                let (kind, key) = setting.event();
                world.set_state(*room, kind, event(json!({ key: after })));
            }
            Change::SetPowerLevels { room, edits } => {
                let now = world.room(*room).content(POWER_LEVELS).cloned();
                if let Rewrite::Write(content) = world.rewrite_levels(*room, now.as_ref(), edits) {
                    world.set_state(*room, POWER_LEVELS, StateEntry { sender: BOT.into(), ..event(content) });
                }
            }
        }
    }
    for ClearedLeave { room, user, event_id } in plan.cleared_leaves {
        world.clear_leave(room, user, &event_id);
    }
}
