//! What waits, and for how long.

use std::sync::Arc;
use std::time::Duration;

use provisioner_policy::{
    Account, AccountsFrom, Membership, Mode, Modes, OnServer, POWER_LEVELS, PowerGrant, Recent, Selector, StateEntry,
    Unlisted, plan,
};
use serde_json::json;

use super::*;
use crate::reconcile::brakes::approval::Approver;
use crate::reconcile::brakes::narrow::narrow;
use crate::reconcile::pushes::tests::world_in;

const SETTLE: Duration = Duration::from_secs(3);

/// A room that has a member with a level, and a lead who is to get one; no selector names the member.
fn world() -> World {
    let modes = Modes { removals: Mode::Enforce, power_levels: Mode::Enforce, ..Modes::default() };
    let mut policy = world_in(modes).0.policy.clone();
    policy.settle = SETTLE;
    policy.rooms[0].unlisted = Unlisted::Remove;
    policy.rooms[0].members = vec![Selector::Subject("lead".to_owned())];
    policy.rooms[0].power = vec![PowerGrant { level: 50, grant: vec![Selector::Subject("lead".to_owned())] }];
    let mut world = World::new(policy);
    let room = world.rooms().next().unwrap();
    world.set_room_status(room, provisioner_policy::RoomStatus::Ready);
    world.set_accounts_listed(true);
    let member = world.intern("@member:a");
    world.set_on_server("@member:a", OnServer { present: true, ..OnServer::default() });
    world.set_member(room, member, Membership::Join, None);
    let content = json!({"users": {"@bot:a": 100, "@member:a": 60}});
    world.set_state(room, POWER_LEVELS, StateEntry { content, sender: "@x:a".to_owned(), event_id: "$e".to_owned() });
    world
}

/// The users of the changes that are due now.
fn due(settle: &mut Settle, world: &World, approval: &Approval, now: Instant) -> Vec<String> {
    let mut plan = Arc::new(plan(world, &Recent::default()));
    settle.note(world, &plan, approval, now);
    narrow(world, &mut plan, |key| settle.may(key));
    let due = plan.due().filter(|action| settle.is_due(&action.change));
    let keys = due.flat_map(|action| action.change.counted());
    let mut users: Vec<String> = keys.filter_map(|key| Some(world.users.mxid(key.user()?))).collect();
    users.dedup();
    users
}

#[test]
fn what_takes_waits_until_it_was_planned_for_long_enough_and_the_sources_said_so_again() {
    let (mut settle, world, none, start) = (Settle::default(), world(), Approval::default(), Instant::now());
    settle.ask(start);
    let due = |settle: &mut Settle, now| due(settle, &world, &none, now);
    assert_eq!(due(&mut settle, start), ["@lead:a"], "a raise in the same event does not wait");
    assert_eq!((settle.len(), settle.next(), settle.last()), (2, Some(start + SETTLE), Some(start + SETTLE)));
    settle.ask(start + SETTLE - Duration::from_millis(1));
    assert_eq!(due(&mut settle, start + SETTLE), ["@lead:a"], "nobody asked after it had settled");
    settle.ask(start + SETTLE);
    assert_eq!(due(&mut settle, start + SETTLE), ["@member:a", "@lead:a", "@member:a"]);
    assert_eq!((settle.len(), settle.next()), (0, None));
}

#[test]
fn what_the_sources_said_counts_for_one_slice() {
    let (mut settle, world, none, start) = (Settle::default(), world(), Approval::default(), Instant::now());
    let due = |settle: &mut Settle, now| due(settle, &world, &none, now).len();
    due(&mut settle, start);
    settle.ask(start + SETTLE);
    assert_eq!(due(&mut settle, start + SETTLE), 3);
    // The slice did not come to it, or its call failed and is not repeated yet: nobody asks until it is due.
    settle.end_slice(false);
    assert_eq!((settle.next(), settle.len()), (None, 0));
    assert_eq!(due(&mut settle, start + SETTLE * 2), 1, "the sources may say something else by now");
    settle.end_slice(false);
    assert_eq!(settle.next(), Some(start + SETTLE));
    settle.ask(start + SETTLE * 2);
    assert_eq!((due(&mut settle, start + SETTLE * 2), settle.next()), (3, None));
    // All is paused: nobody asks for what nobody may do.
    settle.end_slice(false);
    due(&mut settle, start + SETTLE * 3);
    settle.end_slice(true);
    assert_eq!(settle.next(), None);
}

#[test]
fn a_break_begins_it_anew() {
    let (mut settle, world, none, start) = (Settle::default(), world(), Approval::default(), Instant::now());
    due(&mut settle, &world, &none, start);
    settle.note(&world, &Plan::default(), &none, start + SETTLE / 2);
    due(&mut settle, &world, &none, start + SETTLE / 2);
    settle.ask(start + SETTLE);
    assert_eq!(due(&mut settle, &world, &none, start + SETTLE), ["@lead:a"]);
    assert_eq!(settle.next(), Some(start + SETTLE + SETTLE / 2));
}

#[test]
fn what_was_approved_and_what_the_pool_says_do_not_wait_and_nothing_does_at_0_seconds() {
    let (mut world, none, start) = (world(), Approval::default(), Instant::now());
    let mut approval = Approval::default();
    let mut held = plan(&world, &Recent::default());
    let reason = provisioner_policy::HoldReason::EmptyRoster;
    held.actions.iter_mut().for_each(|action| action.held = Some(reason));
    let shown = held.held_part(&world).unwrap().parts.into_iter().collect();
    approval.grant(&world, &held, &shown, &Approver { by: "somebody".into(), request: None }, &Default::default());
    let all = |world: &World, approval: &Approval| due(&mut Settle::default(), world, approval, start).len();
    assert_eq!((all(&world, &none), all(&world, &approval)), (1, 3));
    world.adjust(|policy| policy.settle = Duration::ZERO);
    assert_eq!(all(&world, &none), 3);
    world.adjust(|policy| policy.settle = SETTLE);
    world.set_accounts_from(AccountsFrom::Pool);
    world.set_pool(provisioner_policy::SourceState::Good);
    world.set_account("@lead:a", Account::Active, None, false);
    world.set_account("@member:a", Account::Disabled, None, false);
    assert_eq!(all(&world, &none), 3);
}

#[test]
fn a_leave_by_choice_is_cleared_once_the_loss_has_settled() {
    let (mut settle, mut world, none, start) = (Settle::default(), world(), Approval::default(), Instant::now());
    let (room, member) = (world.rooms().next().unwrap(), world.intern("@member:a"));
    world.set_member(room, member, Membership::Left, Some("$left"));
    let may = |settle: &mut Settle, now| {
        let plan = plan(&world, &Recent::default());
        settle.note(&world, &plan, &none, now);
        let leave = &plan.cleared_leaves[0];
        (leave.user == member, settle.may(&leave.key()), settle.len())
    };
    // It takes nothing away, and the level that they still have does.
    assert_eq!(may(&mut settle, start), (true, false, 1));
    settle.ask(start + SETTLE);
    assert_eq!(may(&mut settle, start + SETTLE), (true, true, 0));
}
