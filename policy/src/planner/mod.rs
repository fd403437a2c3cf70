//! The planner: a pure, deterministic function of the world. It leaves no choice to execution.

mod accounts;
mod admins;
mod membership;
mod power;
mod settings;

pub(crate) use self::admins::{AdminVerdict, judge_admin};
pub(crate) use self::membership::{Verdict, judge, why_not};
use crate::guard::{Recent, guard};
use crate::mirror::Standing;
use crate::plan::{Action, Because, Blocked, Change, Pardon, Plan};
use crate::pool_move::pool_move;
use crate::quarrel::withdraw;
use crate::users::UserIx;
use crate::world::{RoomIx, World};

/// The whole plan. `recent` is what was taken away within the guard's window.
pub fn plan(world: &World, recent: &Recent) -> Plan {
    let mut plan = Plan::default();
    accounts::plan_accounts(world, &mut plan);
    admins::plan_admins(world, &mut plan);
    for room in world.rooms() {
        plan_room(world, room, &mut plan);
    }
    sort(world, &mut plan);
    guard(world, recent, &mut plan);
    plan.pool_move = pool_move(world, recent, &plan);
    withdraw(world, &mut plan);
    plan
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
    settings::plan_settings(world, room, plan);
    power::plan_power(world, room, plan);
}

impl Plan {
    fn push(&mut self, world: &World, change: Change, because: Because) {
        let mode = change.class().mode(&world.policy.modes);
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
