//! Who is joined to and removed from a room.

use crate::entitlement::Entitlement;
use crate::facts::Account;
use crate::mirror::Membership;
use crate::plan::{Because, Blocked, Change, Kind, Pardon, Plan};
use crate::planner::accounts::{is_missing, is_to_be_restored};
use crate::policy::{Mode, OnLeave};
use crate::users::UserIx;
use crate::world::{RoomIx, World};

/// What is planned for one user in one room.
pub(crate) enum Verdict {
    Nothing,
    Do(Change, Because),
    Blocked(Kind, Because),
    Pardon(Box<str>),
}

pub(super) fn plan_member(world: &World, room: RoomIx, user: UserIx, frozen: bool, plan: &mut Plan) {
    match judge(world, room, user, frozen) {
        Verdict::Nothing => {}
        Verdict::Do(change, because) => plan.push(world, change, because),
        Verdict::Blocked(kind, because) => plan.blocked.push(Blocked { kind, room: Some(room), user, because }),
        Verdict::Pardon(event_id) => plan.pardons.push(Pardon { room, user, event_id }),
    }
}

pub(crate) fn judge(world: &World, room: RoomIx, user: UserIx, frozen: bool) -> Verdict {
    let membership = world.room(room).membership(user);
    match world.entitlement(room, user) {
        Entitlement::By(_) if membership == Membership::Join => Verdict::Nothing,
        Entitlement::Not if membership == Membership::None => Verdict::Nothing,
        _ if world.is_exempt(user) => Verdict::Nothing,
        Entitlement::By(selector) => judge_entitled(world, room, user, membership, selector),
        Entitlement::Not => judge_unlisted(world, room, user, membership, frozen),
        Entitlement::InDoubt => match membership {
            Membership::Join => Verdict::Nothing,
            _ => Verdict::Blocked(Kind::Join, Because::Folded),
        },
    }
}

fn judge_entitled(world: &World, room: RoomIx, user: UserIx, before: Membership, selector: u16) -> Verdict {
    let respects = world.policy.rooms[room.index()].on_leave == OnLeave::Respect;
    let account = world.mirror.accounts.get(user);
    let blocked = |because| Verdict::Blocked(Kind::Join, because);
    if before == Membership::Ban {
        blocked(Because::Banned)
    } else if account.deactivated && !will_be_restored(world, user) {
        blocked(Because::Deactivated)
    } else if account.locked && !will_be_restored(world, user) {
        blocked(Because::Locked)
    } else if before == Membership::Left
        && respects
        && world.room(room).departure(user).is_none_or(|departure| !departure.pardoned)
    {
        blocked(Because::LeftByChoice)
    } else if !account.present && !world.mirror.accounts_listed {
        blocked(Because::AccountsUnlisted)
    } else if !account.present && !will_be_created(world, user) {
        blocked(Because::AccountMissing)
    } else {
        Verdict::Do(Change::Join { room, user, before }, Because::Selector(selector))
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

fn judge_unlisted(world: &World, room: RoomIx, user: UserIx, before: Membership, frozen: bool) -> Verdict {
    match before {
        Membership::Join | Membership::Invite
            if world.removes_unlisted(room) || world.facts.accounts.get(user).is_closed() =>
        {
            if frozen {
                Verdict::Blocked(Kind::Remove, Because::Frozen)
            } else if world.is_unconfirmed(user) {
                Verdict::Blocked(Kind::Remove, Because::Unconfirmed)
            } else {
                Verdict::Do(Change::Remove { room, user, before }, why_not(world, user))
            }
        }
        // With every source whole, not being entitled now is having lost it: the next entitlement joins again.
        Membership::Left if !frozen && !world.roster_is_suspect(room) && !world.is_unconfirmed(user) => {
            match world.room(room).departure(user) {
                Some(departure) if !departure.pardoned => Verdict::Pardon(departure.event_id.clone()),
                _ => Verdict::Nothing,
            }
        }
        _ => Verdict::Nothing,
    }
}

/// Why nothing names the user.
pub(crate) fn why_not(world: &World, user: UserIx) -> Because {
    match world.facts.accounts.get(user) {
        Account::Disabled => return Because::PoolDisabled,
        Account::Deleted => return Because::PoolDeleted,
        Account::Refused => return Because::PoolRefused,
        Account::Unknown | Account::Active => {}
    }
    let known = world.facts.places.contains(user)
        || world.facts.accounts.get(user) != Account::Unknown
        || world.facts.groups.values().any(|group| group.contains(&user));
    if known { Because::NotEntitled } else { Because::NobodyKnows }
}
