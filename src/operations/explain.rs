//! `explain`: why a user is, or is not, in each room.

use provisioner_policy::{Explanation, Plan, World};

/// What the world says of a user; `None` where no row, no account and no room has them.
pub fn explain(world: &World, plan: &Plan, mxid: &str) -> Option<Explanation> {
    let user = world.users.get(mxid).filter(|user| world.is_known(*user))?;
    Some(world.explain(user, plan))
}
