//! Who is joined to and removed from a room.

use crate::entitlement::Entitlement;
use crate::facts::Account;
use crate::mirror::Membership;
use crate::plan::{Because, Blocked, Change, ClearedLeave, Kind, Plan};
use crate::planner::accounts::{is_missing, is_to_be_restored};
use crate::planner::members_inputs::MembersInputs;
use crate::policy::RoomIx;
use crate::policy::{Mode, OnLeave, OnReturn};
use crate::users::UserIx;
use crate::world::World;

/// What is planned for one user in one room.
pub(crate) enum MembershipVerdict {
    Nothing,
    Do(Change, Because),
    Blocked(Kind, Because),
    ClearedLeave(Box<str>),
}

pub(super) fn plan_member(world: &World, room: RoomIx, user: UserIx, shared: &MembersInputs, plan: &mut Plan) {
    match evaluate(world, room, user, shared) {
        MembershipVerdict::Nothing => {}
        MembershipVerdict::Do(change, because) => plan.push(world, change, because),
        MembershipVerdict::Blocked(kind, because) => {
            plan.blocked.push(Blocked { kind, room: Some(room), user, because })
        }
        MembershipVerdict::ClearedLeave(event_id) => plan.cleared_leaves.push(ClearedLeave { room, user, event_id }),
    }
}

pub(crate) fn evaluate(world: &World, room: RoomIx, user: UserIx, shared: &MembersInputs) -> MembershipVerdict {
    let membership = world.room(room).membership(user);
    match world.entitlement(room, user) {
        Entitlement::By(_) if membership == Membership::Join => MembershipVerdict::Nothing,
        Entitlement::Not if membership == Membership::None => MembershipVerdict::Nothing,
        _ if world.is_exempt(user) => MembershipVerdict::Nothing,
        Entitlement::By(selector) => evaluate_entitled(world, room, user, selector, shared),
        Entitlement::Not => evaluate_unlisted(world, room, user, shared),
        Entitlement::InDoubt => match membership {
            Membership::Join => MembershipVerdict::Nothing,
            _ => MembershipVerdict::Blocked(Kind::Join, Because::Folded),
        },
    }
}

fn evaluate_entitled(
    world: &World,
    room: RoomIx,
    user: UserIx,
    selector: u16,
    shared: &MembersInputs,
) -> MembershipVerdict {
    let before = world.room(room).membership(user);
    let respects = world.policy.rooms[room.index()].on_leave == OnLeave::Respect;
    let account = world.mirror.accounts.get(user);
    let blocked = |because| MembershipVerdict::Blocked(Kind::Join, because);
    let left = world.room(room).voluntary_leave(user);
    let is_banned = before == Membership::Ban;
    if is_banned && !world.room(room).is_banned_by_us(user) {
        blocked(Because::Banned)
    } else if let Some(leave) = parting(world, room, user) {
        leave
    } else if account.deactivated && !will_be_restored(world, user) {
        blocked(Because::Deactivated)
    } else if account.locked && !will_be_restored(world, user) {
        blocked(Because::Locked)
    } else if world.mirror.accounts.is_suspended(user) {
        blocked(Because::Suspended)
    } else if respects && world.room(room).unread_past(user).is_some() {
        blocked(Because::PastUnread)
    } else if respects && left.map_or(before == Membership::Left, |left| !left.cleared) {
        blocked(Because::LeftByChoice)
    } else if !account.present && !world.mirror.accounts_listed {
        blocked(Because::AccountsUnlisted)
    } else if !account.present && !will_be_created(world, user) {
        blocked(Because::AccountMissing)
    } else if let Some(obstacle) = shared.standing.obstacle_to_ban().filter(|_| is_banned) {
        blocked(Because::Obstacle(obstacle))
    } else if let Some(obstacle) = shared.standing.obstacle_to_join() {
        blocked(Because::Obstacle(obstacle))
    } else {
        MembershipVerdict::Do(Change::Join { room, user, before }, Because::Selector(selector))
    }
}

/// Whether a join may count on what this same plan does with accounts. A join that is only observed says what enforcing
/// everything would do.
fn joins_follow_accounts(world: &World) -> bool {
    world.policy.modes.accounts == Mode::Enforce || world.policy.modes.joins == Mode::Observe
}

fn will_be_created(world: &World, user: UserIx) -> bool {
    joins_follow_accounts(world) && is_missing(world, user)
}

fn will_be_restored(world: &World, user: UserIx) -> bool {
    joins_follow_accounts(world) && is_to_be_restored(world, user)
}

/// The leave that Synapse sent in the name of somebody whose account was being deactivated: it keeps them out of nothing once
/// the account is open again.
fn parting(world: &World, room: RoomIx, user: UserIx) -> Option<MembershipVerdict> {
    let left = world.room(room).voluntary_leave(user).filter(|left| !left.cleared && !left.chosen)?;
    let parted = world.mirror.accounts.get(user).deactivated;
    parted.then(|| MembershipVerdict::ClearedLeave(left.event_id.clone()))
}

fn evaluate_unlisted(world: &World, room: RoomIx, user: UserIx, shared: &MembersInputs) -> MembershipVerdict {
    let (before, frozen) = (world.room(room).membership(user), shared.is_frozen(world, user));
    match before {
        Membership::Join | Membership::Invite
            if world.removes_unlisted(room) || world.facts.account(user).is_closed() =>
        {
            if frozen {
                MembershipVerdict::Blocked(Kind::Remove, Because::Frozen)
            } else if world.is_unconfirmed(user) {
                MembershipVerdict::Blocked(Kind::Remove, Because::Unconfirmed)
            } else if let Some(obstacle) = shared.standing.obstacle_to_remove(user) {
                MembershipVerdict::Blocked(Kind::Remove, Because::Obstacle(obstacle))
            } else {
                let keeps_returning = before == Membership::Join && world.returners.contains(&(room, user));
                let ban = keeps_returning
                    && world.policy.rooms[room.index()].on_return == OnReturn::Ban
                    && shared.standing.obstacle_to_ban().is_none();
                let because = if ban { Because::CameBack } else { why_not(world, user) };
                MembershipVerdict::Do(Change::Remove { room, user, before, ban }, because)
            }
        }
        // With every source whole, not being entitled now is having lost it: the next entitlement joins again.
        _ if !shared.is_doubtful(world, user) && !world.is_unconfirmed(user) => {
            match world.room(room).voluntary_leave(user) {
                Some(left) if !left.cleared => MembershipVerdict::ClearedLeave(left.event_id.clone()),
                _ => MembershipVerdict::Nothing,
            }
        }
        _ => parting(world, room, user).unwrap_or(MembershipVerdict::Nothing),
    }
}

/// Why nothing names the user.
pub(crate) fn why_not(world: &World, user: UserIx) -> Because {
    match world.facts.account(user) {
        Account::Disabled => return Because::PoolDisabled,
        Account::Deleted => return Because::PoolDeleted,
        Account::Refused => return Because::PoolRefused,
        Account::Unknown | Account::Active => {}
    }
    let known = world.facts.teams.contains(user)
        || world.facts.account(user) != Account::Unknown
        || world.facts.groups.values().any(|group| group.contains(&user));
    if known { Because::NotEntitled } else { Because::NobodyKnows }
}
