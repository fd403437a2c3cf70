//! Which accounts are made, closed and opened again.

use crate::facts::{Account, Closed};
use crate::plan::{Because, Blocked, Change, Plan};
use crate::policy::Offboarding;
use crate::users::UserIx;
use crate::world::World;

pub(super) fn plan_accounts(world: &World, plan: &mut Plan) {
    if !world.mirror.accounts_listed {
        return;
    }
    let frozen = world.pool_freeze().is_some();
    for user in world.users.iter() {
        plan_account(world, user, frozen, plan);
    }
}

/// `frozen`: the pool's word on who is gone cannot be taken.
pub(super) fn plan_account(world: &World, user: UserIx, frozen: bool, plan: &mut Plan) {
    let (change, because) = if is_missing(world, user) {
        (Change::CreateAccount { user }, Because::NoAccountYet)
    } else if let Some(before) = to_be_restored(world, user) {
        (Change::RestoreAccount { user, before }, Because::Restored)
    } else if let Some(closing) = closing(world, user) {
        closing
    } else {
        return;
    };
    if world.is_exempt(user) {
        return;
    }
    if frozen && change.takes() > 0 {
        plan.blocked.push(Blocked { kind: change.kind(), room: None, user, because: Because::Frozen });
    } else {
        plan.push(world, change, because);
    }
}

/// Whether a source calls for an account that Synapse does not have.
pub(super) fn is_missing(world: &World, user: UserIx) -> bool {
    !world.mirror.accounts.get(user).present && is_called_for(world, user)
}

/// Whether an account that we closed is called for again.
pub(super) fn is_to_be_restored(world: &World, user: UserIx) -> bool {
    to_be_restored(world, user).is_some()
}

fn is_called_for(world: &World, user: UserIx) -> bool {
    world.users.is_local(user) && world.facts.is_active(user) && !world.facts.is_folded(user)
}

/// A lock or deactivation that somebody else set is theirs to take back. Ours was made on the pool's word, and it takes a
/// source's word on the account to undo it: a row of the roster is none.
fn to_be_restored(world: &World, user: UserIx) -> Option<Closed> {
    let ours = *world.facts.closed_by_us.get(&user)?;
    let there = world.mirror.accounts.get(user);
    let still = match ours {
        Closed::Locked => there.locked && !there.deactivated,
        Closed::Deactivated => there.deactivated,
    };
    (still && world.facts.account(user) == Account::Active && is_called_for(world, user)).then_some(ours)
}

/// What becomes of an account that the pool disabled or no longer has.
fn closing(world: &World, user: UserIx) -> Option<(Change, Because)> {
    let because = match world.facts.account(user) {
        Account::Disabled => Because::PoolDisabled,
        Account::Deleted => Because::PoolDeleted,
        Account::Unknown | Account::Active | Account::Refused => return None,
    };
    let there = world.mirror.accounts.get(user);
    if !world.users.is_local(user) || world.facts.is_folded(user) || !there.present || there.deactivated {
        return None;
    }
    match world.policy.offboarding {
        Offboarding::Remove => None,
        Offboarding::Lock => {
            let is_open = !there.locked || world.facts.sessions_remain.contains(&user);
            is_open.then_some((Change::LockAccount { user }, because))
        }
        Offboarding::Deactivate => Some((Change::DeactivateAccount { user }, because)),
    }
}
