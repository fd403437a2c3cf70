//! What was shown stays held, whatever comes between, and an approval is of what it showed.

use provisioner_policy::*;
use sha2::{Digest as _, Sha256};

use crate::boundaries::{LIMITS, leads};
use crate::{SERVER, due_removals, read, subject, world};

/// Plans as the service makes them one after another: what is shown as held is remembered.
fn shown(world: &World, recent: &mut Recent) -> Plan {
    let plan = plan(world, recent);
    recent.withheld.compare(world, &plan, true);
    plan
}

#[test]
fn what_was_shown_stays_held_when_the_window_passes_and_when_the_plan_shrinks() {
    let limits = GuardLimits { free_removals: 0, max_removals: 1, ..GuardLimits::default() };
    let mut world = world(&[30], limits);
    let bucket = (Class::Removals, world.rooms().next());
    let mut recent = Recent { taken: [(bucket, 1)].into_iter().collect(), ..Recent::default() };
    read(&mut world, (1..30).map(|user| (0, user)));
    assert_eq!(shown(&world, &mut recent).held().count(), 1, "the second within the window");
    recent.taken.clear();
    assert_eq!(due_removals(&world, &shown(&world, &mut recent)), [0], "the window has passed");
    read(&mut world, (3..30).map(|user| (0, user)));
    assert_eq!(shown(&world, &mut recent).held().count(), 3);
    read(&mut world, (0..1).chain(2..30).map(|user| (0, user)));
    let after = shown(&world, &mut recent);
    assert_eq!((after.held().count(), due_removals(&world, &after)), (1, vec![0]), "two of three are back");
    // Nobody is planned any more, and with that it is over: the next is judged anew.
    read(&mut world, (0..30).map(|user| (0, user)));
    assert!(shown(&world, &mut recent).is_empty());
    read(&mut world, (0..1).chain(2..30).map(|user| (0, user)));
    assert_eq!(due_removals(&world, &shown(&world, &mut recent)), [1]);
}

#[test]
fn what_was_shown_stays_held_while_its_room_cannot_be_read_and_after_a_restart() {
    let mut world = world(&[10, 10], GuardLimits::default());
    let room = world.room_by_key("room0").unwrap();
    let rows = |kept: std::ops::Range<usize>| kept.map(|user| (0, user)).chain((0..10).map(|user| (1, user)));
    let mut recent = Recent::default();
    read(&mut world, rows(3..10));
    let first = plan(&world, &recent);
    let begun = recent.withheld.compare(&world, &first, true).begun;
    let digests: Vec<Digest> = begun.into_iter().flat_map(|one| one.digests).collect();
    assert_eq!((first.held().count(), digests.len()), (3, 3));
    world.set_room_status(room, RoomStatus::Unreadable("it is slow".into()));
    let unread = plan(&world, &recent);
    let diff = recent.withheld.compare(&world, &unread, true);
    assert!(unread.actions.is_empty() && diff.ended.is_empty());
    world.set_room_status(room, RoomStatus::Ready);
    // Twelve others were joined meanwhile, so that three are few; one of the three is back.
    for user in 100..112 {
        world.set_membership(room, &format!("@{}:{SERVER}", subject(0, user)), Membership::Join, None);
    }
    read(&mut world, rows(2..10).chain((100..112).map(|user| (0, user))));
    for mut recent in [recent, Recent { withheld: Withheld::inherit(digests), ..Recent::default() }] {
        let again = shown(&world, &mut recent);
        assert_eq!((again.held().count(), due_removals(&world, &again)), (2, vec![0, 0]));
    }
    assert_eq!(due_removals(&world, &plan(&world, &Recent::default())), [2, 0], "unseen they would go");
}

/// The policy moves to the room that replaced theirs, and then the service is started anew.
#[test]
fn what_was_shown_stays_held_in_the_room_that_replaced_its_room() {
    let mut world = world(&[30], GuardLimits { free_removals: 0, max_removals: 1, ..GuardLimits::default() });
    let room = world.rooms().next().unwrap();
    let mut recent = Recent { taken: [((Class::Removals, Some(room)), 1)].into_iter().collect(), ..Recent::default() };
    read(&mut world, (1..30).map(|user| (0, user)));
    let mut digests = Vec::new();
    let mut noted = |recent: &mut Recent, world: &World| {
        let plan = plan(world, recent);
        let diff = recent.withheld.compare(world, &plan, true);
        digests.extend(diff.begun.into_iter().flat_map(|one| one.digests));
        digests.retain(|digest| !diff.ended.contains(digest));
        plan.held().count()
    };
    assert_eq!(noted(&mut recent, &world), 1, "the second within the window");
    recent.taken.clear();
    let successor = Followed {
        configured: world.policy.rooms[0].id.clone(),
        id: format!("!successor:{SERVER}"),
        by: "somebody".into(),
        at: "today".into(),
        voluntary_leaves: Vec::new(),
    };
    assert_eq!(world.follow(vec![successor]), [room]);
    assert_eq!(noted(&mut recent, &world), 0, "it is not read yet");
    for user in 0..30 {
        world.set_membership(room, &format!("@{}:{SERVER}", subject(0, user)), Membership::Join, None);
    }
    world.set_room_status(room, RoomStatus::Ready);
    assert_eq!(noted(&mut recent, &world), 1);
    // As an older version wrote it, by the room that it is about now.
    let mut policy = self::world(&[30], GuardLimits::default()).policy.clone();
    policy.rooms[0].id = format!("!successor:{SERVER}");
    let mut mended = World::new(policy);
    let user = mended.intern(&format!("@{}:{SERVER}", subject(0, 0)));
    let removal = Change::Remove { room, user, before: Membership::Join, ban: false };
    let older = vec![removal.digest(&mended, Mode::Enforce)];
    for inherited in [digests, older] {
        assert_eq!(inherited.len(), 1);
        let mut anew = Recent { withheld: Withheld::inherit(inherited), ..Recent::default() };
        let after = shown(&world, &mut anew);
        assert_eq!((after.held().count(), due_removals(&world, &after)), (1, vec![0]));
    }
}

#[test]
fn an_approval_that_came_to_nothing_leaves_it_held() {
    let mut world = world(&[30], GuardLimits { free_removals: 0, max_removals: 1, ..GuardLimits::default() });
    let bucket = (Class::Removals, world.rooms().next());
    let digests = {
        let mut recent = Recent { taken: [(bucket, 1)].into_iter().collect(), ..Recent::default() };
        read(&mut world, (1..30).map(|user| (0, user)));
        let held = plan(&world, &recent);
        let begun = recent.withheld.compare(&world, &held, true).begun;
        begun.into_iter().flat_map(|one| one.digests).collect::<Vec<_>>()
    };
    // Approved after a restart, and paused before anything was done: the window has passed by then.
    let mut recent = Recent { withheld: Withheld::inherit(digests), ..Recent::default() };
    let mut approved = plan(&world, &recent);
    approved.actions.iter_mut().for_each(|action| action.held = None);
    for _ in 0..2 {
        let diff = recent.withheld.compare(&world, &approved, true);
        assert!(diff.begun.is_empty() && diff.ended.is_empty(), "{diff:?}");
        assert_eq!(due_removals(&world, &plan(&world, &recent)), [0]);
    }
    for action in approved.due() {
        world.take_effect(&action.change);
    }
    assert_eq!(recent.withheld.compare(&world, &plan(&world, &recent), true).ended.len(), 1, "it is done");
}

#[test]
fn what_was_shown_stays_held_over_a_restart_while_something_is_in_its_way() {
    let levels = |kick: i64| {
        let content = serde_json::json!({"users": {"@bot:phenom.test": 100}, "kick": kick});
        StateEntry { content, sender: "@owner:phenom.test".into(), event_id: "$levels".into() }
    };
    let mut world = world(&[10], GuardLimits::default());
    let room = world.room_by_key("room0").unwrap();
    world.set_state(room, POWER_LEVELS, levels(50));
    let mut recent = Recent::default();
    read(&mut world, (3..10).map(|user| (0, user)));
    let first = plan(&world, &recent);
    let begun = recent.withheld.compare(&world, &first, true).begun;
    let digests: Vec<Digest> = begun.into_iter().flat_map(|one| one.digests).collect();
    assert_eq!(digests.len(), 3);
    // One of the three is back, somebody takes the bot's power to remove, and the service restarts.
    read(&mut world, (2..10).map(|user| (0, user)));
    world.set_state(room, POWER_LEVELS, levels(101));
    let mut recent = Recent { withheld: Withheld::inherit(digests), ..Recent::default() };
    let blocked = plan(&world, &recent);
    assert_eq!((blocked.actions.len(), blocked.blocked.len()), (0, 2));
    assert_eq!(recent.withheld.compare(&world, &blocked, true).ended.len(), 1, "who is back");
    world.set_state(room, POWER_LEVELS, levels(50));
    let again = shown(&world, &mut recent);
    assert_eq!((again.held().count(), due_removals(&world, &again)), (2, vec![0]));
}

/// The id of a held plan as it was until it named 128 bits.
fn former_id(world: &World, plan: &Plan) -> String {
    /// The number of the kind at that time.
    const REMOVE: u8 = 7;
    let mut hash = Sha256::new();
    for action in plan.held() {
        assert_eq!(action.change.kind(), Kind::Remove, "of the others it is not said which number they had");
        hash.update([REMOVE, action.mode as u8]);
        let room = action.change.room().map(|room| room.key(world).to_owned()).unwrap_or_default();
        let user = action.change.user().map(|user| world.users.key(user)).unwrap_or_default();
        [room.as_str(), user].iter().for_each(|text| hash.update([text.as_bytes(), &[0]].concat()));
    }
    hash.finalize()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn of_two_plans_with_the_same_former_id_one_is_not_the_other() {
    // Found by trying subsets of 24 throwaway members: nine of them, and ten others with the nine leads.
    const DECOYS: [usize; 9] = [3, 4, 5, 9, 14, 15, 17, 18, 21];
    const LEADS_TOO: [usize; 19] = [0, 1, 2, 10, 11, 12, 16, 17, 18, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32];
    let mut world = world(&[33], GuardLimits::default());
    let held = |world: &mut World, gone: &[usize]| {
        read(world, (0..33).filter(|user| !gone.contains(user)).map(|user| (0, user)));
        plan(world, &Recent::default())
    };
    let (benign, other) = (held(&mut world, &DECOYS), held(&mut world, &LEADS_TOO));
    assert_eq!((benign.held().count(), other.held().count()), (9, 19));
    assert_eq!(former_id(&world, &benign), "be83e22c");
    assert_eq!(former_id(&world, &other), "be83e22c");
    let (benign, other) = (benign.held_part(&world).unwrap(), other.held_part(&world).unwrap());
    assert_ne!(benign.id, other.id);
    assert_eq!((benign.id.len(), benign.parts.len()), (32, 9));
    assert_eq!(other.parts.iter().filter(|part| benign.parts.contains(part)).count(), 2, "only 17 and 18 are in both");
}

#[test]
fn what_was_there_before_is_a_part_of_what_is_approved() {
    let mut world = world(&[9], GuardLimits::default());
    let room = world.room_by_key("room0").unwrap();
    let user = format!("@{}:{SERVER}", subject(0, 0));
    read(&mut world, (4..9).map(|user| (0, user)));
    let joined = plan(&world, &Recent::default()).held_id(&world);
    world.set_membership(room, &user, Membership::Invite, None);
    assert_ne!(plan(&world, &Recent::default()).held_id(&world), joined);
}

/// Somebody who may send levels raises the default of the room: the lowering is another event then, and takes as much.
#[test]
fn a_lowering_that_was_shown_stays_held_when_it_is_written_otherwise() {
    let mut world = leads(20);
    let room = world.rooms().next().unwrap();
    let bucket = (Class::PowerLevels, Some(room));
    let mut recent = Recent { taken: [(bucket, LIMITS.max_removals)].into_iter().collect(), ..Recent::default() };
    read(&mut world, (2..20).map(|user| (0, user)));
    let first = plan(&world, &recent);
    let begun = recent.withheld.compare(&world, &first, true).begun;
    let digests: Vec<Digest> = begun.into_iter().flat_map(|one| one.digests).collect();
    assert_eq!((first.held().count(), digests.len()), (1, 2));
    recent.taken.clear();
    assert_eq!(shown(&world, &mut recent).held().count(), 1, "the window has passed");

    let mut content = world.room(room).state(POWER_LEVELS).unwrap().content.clone();
    content["users_default"] = 10.into();
    let raised = StateEntry { content, sender: "@manager:phenom.test".into(), event_id: "$f".into() };
    world.set_state(room, POWER_LEVELS, raised);
    for mut recent in [recent, Recent { withheld: Withheld::inherit(digests), ..Recent::default() }] {
        for _ in 0..2 {
            let plan = plan(&world, &recent);
            let ended = recent.withheld.compare(&world, &plan, true).ended;
            let lowered = |action: &&Action| u32::min(action.change.takes(), 2);
            let (held, due) =
                (plan.held().map(|one| lowered(&one)).sum::<u32>(), plan.due().map(|one| lowered(&one)).sum::<u32>());
            assert_eq!((held, due, ended.len()), (2, 0, 0));
        }
    }
}
