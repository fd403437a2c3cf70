//! The planner: a pure, deterministic function of the world. It leaves no choice to execution.

use crate::entitlement::Entitlement;
use crate::facts::Account;
use crate::guard::{Recent, guard};
use crate::mirror::{Membership, Standing};
use crate::plan::{Action, Because, Blocked, Change, Kind, Pardon, Plan};
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

/// The whole plan. `recent` is what was taken away within the guard's window.
pub fn plan(world: &World, recent: &Recent) -> Plan {
    let mut plan = Plan::default();
    plan_accounts(world, &mut plan);
    for room in world.rooms() {
        plan_room(world, room, &mut plan);
    }
    sort(world, &mut plan);
    guard(world, recent, &mut plan);
    plan
}

fn plan_accounts(world: &World, plan: &mut Plan) {
    if !world.mirror.accounts_listed {
        return;
    }
    for user in world.users.iter() {
        if is_missing(world, user) && !world.is_exempt(user) {
            plan.push(world, Change::CreateAccount { user }, Because::NoAccountYet);
        }
    }
}

/// Whether a source calls for an account that Synapse does not have.
fn is_missing(world: &World, user: UserIx) -> bool {
    !world.mirror.accounts.get(user).present
        && world.users.is_local(user)
        && world.facts.is_active(user)
        && !world.facts.folded.contains(&user)
}

fn plan_room(world: &World, room: RoomIx, plan: &mut Plan) {
    // Nothing is enforced on a room that was replaced: its people are where its successor is.
    if world.room(room).standing != Standing::Ready || world.room(room).successor().is_some() {
        plan.idle_rooms.push(room);
        return;
    }
    let frozen = world.freeze(room).is_some();
    for user in world.users.iter() {
        match judge(world, room, user, frozen) {
            Verdict::Nothing => {}
            Verdict::Do(change, because) => plan.push(world, change, because),
            Verdict::Blocked(kind, because) => plan.blocked.push(Blocked { kind, room: Some(room), user, because }),
            Verdict::Pardon(event_id) => plan.pardons.push(Pardon { room, user, event_id }),
        }
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
    } else if account.deactivated {
        blocked(Because::Deactivated)
    } else if account.locked {
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

/// Whether a join may count on the account that this same plan makes.
fn will_be_created(world: &World, user: UserIx) -> bool {
    // A join that is only observed says what enforcing everything would do.
    let followed = world.policy.modes.accounts == Mode::Enforce || world.policy.modes.joins == Mode::Observe;
    followed && is_missing(world, user)
}

fn judge_unlisted(world: &World, room: RoomIx, user: UserIx, before: Membership, frozen: bool) -> Verdict {
    match before {
        Membership::Join | Membership::Invite if world.removes_unlisted(room) => {
            if frozen {
                Verdict::Blocked(Kind::Remove, Because::Frozen)
            } else {
                Verdict::Do(Change::Remove { room, user, before }, why_not(world, user))
            }
        }
        // With every source whole, not being entitled now is having lost it: the next entitlement joins again.
        Membership::Left if !frozen && !world.roster_is_suspect(room) => match world.room(room).departure(user) {
            Some(departure) if !departure.pardoned => Verdict::Pardon(departure.event_id.clone()),
            _ => Verdict::Nothing,
        },
        _ => Verdict::Nothing,
    }
}

fn why_not(world: &World, user: UserIx) -> Because {
    let known = world.facts.places.contains_key(&user)
        || world.facts.accounts.get(user) != Account::Unknown
        || world.facts.groups.values().any(|group| group.contains(&user));
    if known { Because::NotEntitled } else { Because::NobodyKnows }
}

impl Plan {
    fn push(&mut self, world: &World, change: Change, because: Because) {
        let mode = change.kind().mode(&world.policy.modes);
        self.actions.push(Action { change, mode, held: None, because });
    }
}

/// Orders by words, not by numbers: numbers depend on what was seen first.
fn sort(world: &World, plan: &mut Plan) {
    let key = |user: Option<UserIx>| user.map(|user| world.users.key(user));
    plan.actions.sort_by(|a, b| {
        let (a, b) = (&a.change, &b.change);
        (a.room(), a.kind(), key(a.user())).cmp(&(b.room(), b.kind(), key(b.user())))
    });
    plan.blocked.sort_by(|a, b| (a.room, a.kind, key(Some(a.user))).cmp(&(b.room, b.kind, key(Some(b.user)))));
    plan.pardons.sort_by(|a, b| (a.room, key(Some(a.user))).cmp(&(b.room, key(Some(b.user)))));
}
