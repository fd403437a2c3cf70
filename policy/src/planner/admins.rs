//! Who is made a server admin, and whose flag is taken.
//!
//! The strongest right there is, so both directions fail closed: a source that cannot be read grants nobody by the selectors
//! that depend on it, and takes the flag from nobody at all.

use hashbrown::HashSet;

use crate::entitlement::Freeze;
use crate::plan::{Because, Blocked, Change, Kind, Plan};
use crate::planner::accounts::{is_missing, is_to_be_restored};
use crate::planner::membership::why_not;
use crate::policy::Mode;
use crate::selector::Matcher;
use crate::users::UserIx;
use crate::world::World;

/// What is planned for one user's flag.
pub(crate) enum AdminVerdict {
    Nothing,
    Do(Change, Because),
    Blocked(Kind, Because),
}

pub(super) fn plan_admins(world: &World, plan: &mut Plan) {
    // Without the listing no flag is known; without selectors nothing is decided about flags.
    if world.admins.is_empty() || !world.mirror.accounts_listed {
        return;
    }
    let frozen = world.admins_freeze().is_some();
    for user in candidates(world) {
        plan_admin(world, user, frozen, plan);
    }
}

pub(super) fn plan_admin(world: &World, user: UserIx, frozen: bool, plan: &mut Plan) {
    match evaluate_admin(world, user, frozen) {
        AdminVerdict::Nothing => {}
        AdminVerdict::Do(change, because) => plan.push(world, change, because),
        AdminVerdict::Blocked(kind, because) => plan.blocked.push(Blocked { kind, room: None, user, because }),
    }
}

/// Users that have the flag or that a selector matches: not everybody on the server.
fn candidates(world: &World) -> HashSet<UserIx> {
    let mut users: HashSet<UserIx> =
        world.mirror.accounts.iter().filter(|(_, there)| there.admin).map(|(user, _)| user).collect();
    users.extend(world.admins.iter().flat_map(|selector| world.selected(*selector)));
    users.extend(&world.facts.folded);
    users
}

/// `frozen`: some source of some selector cannot be read, so nobody loses the flag but whose account the pool has closed.
pub(crate) fn evaluate_admin(world: &World, user: UserIx, frozen: bool) -> AdminVerdict {
    let there = world.mirror.accounts.get(user);
    if world.admins.is_empty() || world.is_exempt(user) || !world.users.is_local(user) {
        return AdminVerdict::Nothing;
    }
    let by = world.admin_selector(user);
    if world.facts.is_folded(user) {
        // Two subjects fold to this MXID: conclude nothing.
        return match by {
            Some(_) if !there.admin => AdminVerdict::Blocked(Kind::GrantServerAdmin, Because::Folded),
            _ => AdminVerdict::Nothing,
        };
    }
    let revoke = || AdminVerdict::Do(Change::RevokeServerAdmin { user }, why_not(world, user));
    match by.filter(|_| world.may_belong(user)) {
        Some(position) => evaluate_granted(world, user, position),
        None if !there.admin => AdminVerdict::Nothing,
        None if world.is_unconfirmed(user) => AdminVerdict::Blocked(Kind::RevokeServerAdmin, Because::Unconfirmed),
        None if world.is_closed_by_pool(user) && world.pool_freeze().is_none() => revoke(),
        None if frozen => AdminVerdict::Blocked(Kind::RevokeServerAdmin, Because::AdminsFrozen),
        None => revoke(),
    }
}

fn evaluate_granted(world: &World, user: UserIx, position: u16) -> AdminVerdict {
    let there = world.mirror.accounts.get(user);
    let modes = &world.policy.modes;
    // What is only observed says what enforcing everything would do.
    let follows_accounts = modes.accounts == Mode::Enforce || modes.server_admins == Mode::Observe;
    let reopened = follows_accounts && is_to_be_restored(world, user);
    let made = follows_accounts && is_missing(world, user);
    // Reactivation takes the flag, see `Homeserver::reactivate`.
    if there.admin && !(there.deactivated && reopened) {
        return AdminVerdict::Nothing;
    }
    let blocked = |because| AdminVerdict::Blocked(Kind::GrantServerAdmin, because);
    if world.unreadable_source(world.admins[usize::from(position)]).is_some() {
        blocked(Because::AdminSelectorUnreadable(position))
    } else if there.deactivated && !reopened {
        blocked(Because::Deactivated)
    } else if there.locked && !reopened {
        blocked(Because::Locked)
    } else if !there.present && !made {
        blocked(Because::AccountMissing)
    } else {
        AdminVerdict::Do(Change::GrantServerAdmin { user }, Because::AdminSelector(position))
    }
}

impl World {
    /// The selector of `[server_admins]` that names the user: the first that can be relied on, or else the first.
    pub(crate) fn admin_selector(&self, user: UserIx) -> Option<u16> {
        let matching = || (0..).zip(&self.admins).filter(|(_, selector)| self.matches(**selector, user));
        let relied_on = matching().find(|(_, selector)| self.unreadable_source(**selector).is_none());
        relied_on.or_else(|| matching().next()).map(|(position, _)| position)
    }

    /// Why a selector names nobody again for now. A single row that cannot be read takes no other row's word away.
    pub(crate) fn unreadable_source(&self, selector: Matcher) -> Option<Freeze> {
        let own = self.freeze_of(selector);
        let freeze = if selector == Matcher::Everyone { own.or_else(|| self.pool_freeze()) } else { own };
        freeze.filter(|freeze| !matches!(freeze, Freeze::Row(_)))
    }

    /// Why the flag of `user` is not taken for now.
    pub(crate) fn freeze_of_admin(&self, user: UserIx) -> Option<Freeze> {
        if self.is_closed_by_pool(user) { self.pool_freeze() } else { self.admins_freeze() }
    }

    /// Why nobody's flag is taken for now.
    pub(crate) fn admins_freeze(&self) -> Option<Freeze> {
        self.freeze_of_any(&self.admins)
    }
}
