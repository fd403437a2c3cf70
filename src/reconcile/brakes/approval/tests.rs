//! What an approval lets go: what was shown, as it was shown, and nothing beside it.

use provisioner_policy::{
    GuardLimits, Membership, Mode, Modes, OnServer, POWER_LEVELS, Policy, PowerGrant, Recent, RoomIx, RoomPolicy,
    RoomStatus, RosterRow, Selector, StateEntry, plan, read_roster,
};
use serde_json::json;

use super::*;
use crate::reconcile::report::Failed;

const BY: &str = "@ada:a";

fn by() -> Approver {
    Approver { by: BY.into(), request: Some(7) }
}

/// A room of which the guard lets nobody be removed and nobody be lowered unasked: `one`, `two` and `three` have level 60 and
/// no row, and `lead` is to get level 50.
fn world() -> (World, RoomIx) {
    let lead = || vec![Selector::Team("staff".into())];
    let room = RoomPolicy {
        power: vec![PowerGrant { level: 50, grant: lead() }],
        ..RoomPolicy::new("staff", "!staff:a", lead())
    };
    let mut world = World::new(Policy {
        server_name: "a".into(),
        bot: "@bot:a".into(),
        rooms: vec![room],
        modes: Modes { removals: Mode::Enforce, power_levels: Mode::Enforce, ..Modes::default() },
        guard: GuardLimits { free_removals: 0, max_removals: 0, max_fraction: 0.0, window_seconds: 60 },
        ..Policy::default()
    });
    let room = world.rooms().next().expect("the one room");
    let row = RosterRow { subject: Some("lead".into()), team: Some("staff".into()), role: None };
    world.set_roster(read_roster([row], "a", "@bot:a"));
    world.set_room_status(room, RoomStatus::Ready);
    let users = json!({"@bot:a": 100, "@one:a": 60, "@two:a": 60, "@three:a": 60});
    let event = StateEntry { content: json!({ "users": users }), sender: "@x:a".into(), event_id: "$e".into() };
    world.set_state(room, POWER_LEVELS, event);
    for mxid in ["@lead:a", "@one:a", "@two:a", "@three:a"] {
        world.set_on_server(mxid, OnServer { present: true, ..OnServer::default() });
        world.set_membership(room, mxid, Membership::Join, None);
    }
    world.set_accounts_listed(true);
    (world, room)
}

fn planned(world: &World) -> Arc<Plan> {
    Arc::new(plan(world, &Recent::default()))
}

/// Every part that is held of one kind, for one of these users.
fn shown(world: &World, plan: &Plan, kind: Kind, users: &[&str]) -> HashSet<Digest> {
    let held = plan.held().flat_map(|action| action.change.parts().zip(action.change.counted()));
    let held = held.filter(|(_, key)| {
        let user = key.user().map(|user| world.users.mxid(user)).unwrap_or_default();
        key.kind == kind && users.contains(&&*user)
    });
    held.map(|(part, _)| part.exact_digest(world)).collect()
}

/// What is due and what is held, of each kind the users.
fn of(world: &World, plan: &Plan, held: bool) -> Vec<(Kind, Vec<String>)> {
    let actions = plan.actions.iter().filter(|action| action.is_held() == held);
    let users = |change: &Change| {
        let keys = change.counted().filter_map(|key| key.user());
        let mut users: Vec<String> = keys.map(|user| world.users.key(user).to_owned()).collect();
        users.sort();
        users
    };
    actions.map(|action| (action.change.kind(), users(&action.change))).collect()
}

fn named(kind: Kind, users: &[&str]) -> (Kind, Vec<String>) {
    (kind, users.iter().map(|user| (*user).to_owned()).collect())
}

/// Approves these, and says how many they are.
fn grant(approval: &mut Approval, world: &World, plan: &Plan, parts: &HashSet<Digest>, by: &Approver) -> usize {
    approval.grant(world, plan, parts, by, &HashSet::new()).parts
}

#[test]
fn who_approves_one_removal_lets_no_other_go() {
    let (world, _) = world();
    let mut plan = planned(&world);
    let mut approval = Approval::default();
    assert!(!approval.release(&world, &mut plan), "nobody approved anything");
    let parts = shown(&world, &plan, Kind::Remove, &["@one:a"]);
    assert_eq!((parts.len(), grant(&mut approval, &world, &plan, &parts, &by())), (1, 1));
    assert!(approval.release(&world, &mut plan));
    let raised = named(Kind::SetPowerLevels, &["lead"]);
    assert_eq!(of(&world, &plan, false), [named(Kind::Remove, &["one"]), raised]);
    let lowered = named(Kind::SetPowerLevels, &["one", "three", "two"]);
    let removals = ["three", "two"].map(|user| named(Kind::Remove, &[user]));
    assert_eq!(of(&world, &plan, true), [removals.to_vec(), vec![lowered]].concat());
    let by: Vec<_> = plan.actions.iter().filter_map(|action| approval.by(action)).collect();
    assert_eq!(by, [BY]);
}

#[test]
fn what_was_not_shown_or_is_held_no_longer_is_not_approved() {
    let (world, _) = world();
    let plan = planned(&world);
    let mut approval = Approval::default();
    let other: Digest = [7; 16];
    assert_eq!(grant(&mut approval, &world, &plan, &HashSet::from([other]), &by()), 0);
    assert_eq!(approval.not_due(), 0, "nothing was approved, so nothing of it is left");
    let mut parts = shown(&world, &plan, Kind::Remove, &["@one:a", "@two:a"]);
    parts.extend([other, [8; 16], [9; 16]]);
    assert_eq!((grant(&mut approval, &world, &plan, &parts, &by()), approval.not_due()), (2, 3));
    assert_eq!(grant(&mut approval, &world, &plan, &HashSet::from([other]), &by()), 0);
}

#[test]
fn an_approval_ends_when_the_same_is_planned_from_something_else() {
    let (mut world, room) = world();
    let mut plan = planned(&world);
    let mut approval = Approval::default();
    grant(&mut approval, &world, &plan, &shown(&world, &plan, Kind::Remove, &["@one:a"]), &by());
    let key = plan.of(Some(room), Kind::Remove)[0].change.key();
    assert!(approval.approves(&key));
    // Out by somebody else's hand, and invited again since.
    world.set_membership(room, "@one:a", Membership::Invite, None);
    plan = planned(&world);
    approval.release(&world, &mut plan);
    assert!(!approval.approves(&key));
    let removals = of(&world, &plan, true).into_iter().filter(|(kind, _)| *kind == Kind::Remove);
    assert_eq!(removals.count(), 3, "all three wait for approval");
}

#[test]
fn of_levels_what_is_approved_goes_in_one_event_with_what_gives() {
    let (world, _) = world();
    let mut plan = planned(&world);
    let mut approval = Approval::default();
    let parts = shown(&world, &plan, Kind::SetPowerLevels, &["@one:a", "@two:a"]);
    assert_eq!(grant(&mut approval, &world, &plan, &parts, &by()), 2);
    approval.release(&world, &mut plan);
    assert_eq!(of(&world, &plan, false), [named(Kind::SetPowerLevels, &["lead", "one", "two"])]);
    let rest: Vec<_> = of(&world, &plan, true).into_iter().filter(|(kind, _)| *kind != Kind::Remove).collect();
    assert_eq!(rest, [named(Kind::SetPowerLevels, &["three"])]);
}

#[test]
fn of_several_that_are_approved_each_goes() {
    let (world, _) = world();
    let mut plan = planned(&world);
    let mut approval = Approval::default();
    let parts = shown(&world, &plan, Kind::Remove, &["@one:a", "@two:a", "@three:a"]);
    assert_eq!(grant(&mut approval, &world, &plan, &parts, &by()), 3);
    approval.release(&world, &mut plan);
    let removals = ["one", "three", "two"].map(|user| named(Kind::Remove, &[user]));
    let raised = named(Kind::SetPowerLevels, &["lead"]);
    assert_eq!(of(&world, &plan, false), [removals.to_vec(), vec![raised]].concat());
}

#[test]
fn who_approved_is_told_of_that_alone_once_the_last_part_has_ended() {
    let (world, room) = world();
    let mut plan = planned(&world);
    let mut approval = Approval::default();
    grant(&mut approval, &world, &plan, &shown(&world, &plan, Kind::Remove, &["@one:a", "@two:a", "@three:a"]), &by());
    approval.release(&world, &mut plan);
    let removals: Vec<Change> = plan.of(Some(room), Kind::Remove).iter().map(|one| one.change.clone()).collect();
    let slice = PassReport { done: 180, held: 1, ..PassReport::default() };
    assert_eq!(approval.answer(7, false, &slice), None);
    approval.end(&removals[0], &ApprovedEnd::Done);
    let why =
        Failed { kind: "remove".to_owned(), room: None, user: Some("@two:a".to_owned()), error: "500".to_owned() };
    approval.end(&removals[1], &ApprovedEnd::Failed(why));
    assert!(!approval.approves(&removals[1].key()), "somebody is asked before it is tried again");
    assert_eq!(approval.answer(7, false, &slice), None);
    // The third went by themselves.
    approval.release(&world, &mut Arc::new(Plan::default()));
    let report = approval.answer(7, false, &slice).expect("nothing of it is left");
    assert_eq!((report.done, report.failed.len(), report.not_due, report.held, report.waiting), (1, 1, 1, 1, 0));
}

#[test]
fn who_approved_is_told_at_the_end_of_the_pass_at_the_latest() {
    let (world, _) = world();
    let plan = planned(&world);
    let mut approval = Approval::default();
    grant(&mut approval, &world, &plan, &shown(&world, &plan, Kind::Remove, &["@one:a"]), &by());
    approval.refuse(Some(8), "nothing is held".to_owned());
    let slice = PassReport::default();
    assert_eq!(approval.answer(7, true, &slice).map(|report| report.waiting), Some(1));
    assert_eq!(approval.answer(8, false, &slice).map(|report| report.errors.len()), Some(1));
}

#[test]
fn a_pause_that_kept_everything_back_is_told_of_and_one_that_kept_nothing_back_is_not() {
    let slice = PassReport { paused: Some("paused by @ada:a".to_owned()), held: 3, ..PassReport::default() };
    let is_told = |approval: &mut Approval| approval.answer(7, true, &slice).unwrap().paused.is_some();
    assert!(is_told(&mut Approval::default()), "it was not spent");
    let (world, room) = world();
    let mut plan = planned(&world);
    let mut approval = Approval::default();
    grant(&mut approval, &world, &plan, &shown(&world, &plan, Kind::Remove, &["@one:a"]), &by());
    approval.release(&world, &mut plan);
    let removal = plan.of(Some(room), Kind::Remove)[0].change.clone();
    approval.end(&removal, &ApprovedEnd::Done);
    assert!(!is_told(&mut approval));
}

#[test]
fn of_two_who_approve_the_same_at_once_each_is_told_and_a_room_that_is_being_read_ends_nothing() {
    let (mut world, room) = world();
    let mut plan = planned(&world);
    let mut approval = Approval::default();
    let parts = shown(&world, &plan, Kind::Remove, &["@one:a"]);
    grant(&mut approval, &world, &plan, &parts, &by());
    grant(&mut approval, &world, &plan, &parts, &Approver { by: "@ben:a".into(), request: Some(8) });
    world.set_room_status(room, RoomStatus::Unread);
    approval.release(&world, &mut Arc::new(Plan::default()));
    world.set_room_status(room, RoomStatus::Ready);
    approval.release(&world, &mut plan);
    let slice = PassReport::default();
    assert_eq!((approval.answer(7, false, &slice), approval.answer(8, false, &slice)), (None, None));
    let removal = plan.of(Some(room), Kind::Remove)[0].change.clone();
    approval.end(&removal, &ApprovedEnd::Done);
    assert_eq!([7, 8].map(|request| approval.answer(request, false, &slice).map(|report| report.done)), [Some(1); 2]);
}

#[test]
fn of_whom_the_pool_says_nothing_stays_held_and_a_no_that_comes_later_takes_back_the_rest() {
    let (mut world, room) = world();
    let mut plan = planned(&world);
    let mut approval = Approval::default();
    let parts = shown(&world, &plan, Kind::Remove, &["@one:a", "@two:a", "@three:a"]);
    let unsaid = HashSet::from([world.intern("@two:a")]);
    assert_eq!(approval.grant(&world, &plan, &parts, &by(), &unsaid), GrantedParts { parts: 2, left: 1 });
    assert_eq!((approval.not_due(), approval.requests()), (0, vec![7]));
    approval.release(&world, &mut plan);
    let removals: Vec<Change> = plan.of(Some(room), Kind::Remove).iter().map(|one| one.change.clone()).collect();
    assert_eq!(removals.iter().filter(|one| approval.approves(&one.key())).count(), 2);
    approval.end(&removals[0], &ApprovedEnd::Done);
    approval.take_back(7, "somebody said no meanwhile".to_owned());
    assert!(removals.iter().all(|one| !approval.approves(&one.key())));
    let report = approval.answer(7, false, &PassReport::default()).expect("nothing of it is left");
    assert_eq!((report.done, report.waiting, report.errors.len()), (1, 0, 1));
}
