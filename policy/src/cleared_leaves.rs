//! Which leaves by choice are cleared: those of people who lost their entitlement, unless so many lost it in the same room
//! that the guard would ask. An answer that is too small would otherwise have people joined against their choice once it is
//! whole again.

use crate::entitlement::Entitlement;
use crate::facts::{Account, AccountsFrom};
use crate::mirror::Membership;
use crate::plan::Plan;
use crate::policy::RoomIx;
use crate::users::UserIx;
use crate::world::World;

/// Takes the leaves out of the plan that a doubtful answer would clear. A room is judged by itself, whatever its modes are and
/// whatever is held elsewhere.
pub(crate) fn keep_doubtful(world: &World, plan: &mut Plan) {
    let mut rooms: Vec<RoomIx> = plan.cleared_leaves.iter().map(|leave| leave.room).collect();
    rooms.dedup();
    let doubtful: Vec<RoomIx> = rooms.into_iter().filter(|room| too_many_lost(world, *room)).collect();
    // What Synapse did in somebody's name says nothing about a source.
    let parted = |user: UserIx| world.mirror.accounts.get(user).deactivated;
    plan.cleared_leaves.retain(|leave| parted(leave.user) || !doubtful.contains(&leave.room));
}

fn too_many_lost(world: &World, room: RoomIx) -> bool {
    let (limits, mirror) = (&world.policy.guard, world.room(room));
    let left = mirror.leavers().filter(|(user, leave)| !leave.cleared && has_lost(world, room, *user)).count();
    let of = mirror.joined() + mirror.invited() + u32::try_from(left).unwrap_or(u32::MAX);
    let lost = |user: &UserIx| {
        let here = matches!(mirror.membership(*user), Membership::Join | Membership::Invite);
        (here || mirror.voluntary_leave(*user).is_some_and(|leave| !leave.cleared)) && has_lost(world, room, *user)
    };
    // One more than may be tells enough.
    let most = usize::try_from(limits.max_removals).unwrap_or(usize::MAX).saturating_add(1);
    let lost = u32::try_from(world.users.iter().filter(lost).take(most).count()).unwrap_or(u32::MAX);
    let share = f64::from(lost) > limits.max_fraction * f64::from(of);
    lost > limits.max_removals || lost > limits.free_removals && share
}

/// Whether the user does not belong in the room and may have: somebody that no source ever named has lost nothing.
fn has_lost(world: &World, room: RoomIx, user: UserIx) -> bool {
    let known = match world.facts.accounts_from {
        AccountsFrom::Pool => !matches!(world.facts.account(user), Account::Unknown | Account::Refused),
        AccountsFrom::Named => world.users.is_local(user),
    };
    known && !world.is_exempt(user) && world.entitlement(room, user) == Entitlement::Not
}
