//! The planner: a pure, deterministic function of the world. It leaves no choice to execution.
//!
//! [`plan`] is the definition; [`Planner`] makes the same plan and evaluates only dirty users.

mod accounts;
mod admins;
mod members_inputs;
mod membership;
mod order;
mod power;
mod profiles;
mod remembering;
mod settings;

pub(crate) use self::admins::{AdminVerdict, evaluate_admin};
pub(crate) use self::members_inputs::MembersInputs;
pub(crate) use self::membership::{MembershipVerdict, evaluate, why_not};
use self::order::sort;
use self::power::Levelled;
pub use self::remembering::Planner;
use crate::cleared_leaves::keep_doubtful;
use crate::fights::withdraw;
use crate::guard::guard;
use crate::mirror::RoomStatus;
use crate::plan::{Action, Because, Change, Plan};
use crate::policy::RoomIx;
use crate::pool_move::pool_move;
use crate::recent::Recent;
use crate::world::World;

/// The whole plan. `recent` is what was taken away within the guard's window.
pub fn plan(world: &World, recent: &Recent) -> Plan {
    let mut plan = Plan::default();
    accounts::plan_accounts(world, &mut plan);
    admins::plan_admins(world, &mut plan);
    profiles::plan_profiles(world, &mut plan);
    for room in world.rooms() {
        plan_room(world, room, &mut plan);
    }
    sort(world, &mut plan.actions);
    sort(world, &mut plan.blocked);
    sort(world, &mut plan.cleared_leaves);
    finish(world, recent, &mut plan);
    plan
}

/// What looks at the plan as a whole: guard, cleared leaves, pool move, fights.
fn finish(world: &World, recent: &Recent, plan: &mut Plan) {
    guard(world, recent, plan);
    keep_doubtful(world, plan);
    plan.pool_move = pool_move(world, recent, plan);
    withdraw(world, plan);
}

/// Returns what is planned for single levels.
fn plan_room(world: &World, room: RoomIx, plan: &mut Plan) -> Vec<Levelled> {
    if is_idle(world, room) {
        plan.idle_rooms.push(room);
        return Vec::new();
    }
    plan_members(world, room, &MembersInputs::of(world, room), plan);
    settings::plan_settings(world, room, plan);
    power::plan_power(world, room, plan)
}

/// Whether nothing is planned in the room: unread, unreadable, or replaced by a successor where its people are, as far as is
/// known. A tombstone to nowhere is no way to switch a policy off.
fn is_idle(world: &World, room: RoomIx) -> bool {
    let mirror = world.room(room);
    mirror.status != RoomStatus::Ready || mirror.named_successor().is_some() && mirror.is_upgraded() != Some(false)
}

fn plan_members(world: &World, room: RoomIx, shared: &MembersInputs, plan: &mut Plan) {
    for user in world.users.iter() {
        membership::plan_member(world, room, user, shared, plan);
    }
}

impl Plan {
    fn push(&mut self, world: &World, change: Change, because: Because) {
        let mode = change.class().mode(&world.policy.modes);
        self.actions.push(Action { change, mode, held: None, because });
    }
}
