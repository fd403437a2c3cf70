//! Levels of the room itself.

use provisioner_policy::*;
use serde_json::json;

use crate::given::*;

/// The levels of the contract's example.
fn wanted() -> Vec<(RoomLevel, i64)> {
    let events = |event_type: &str, level| (RoomLevel::Event(event_type.to_owned()), level);
    let (invite, kick, state) = ((RoomLevel::Invite, 100), (RoomLevel::Kick, 50), (RoomLevel::StateDefault, 60));
    vec![invite, kick, state, events("m.room.tombstone", 100), events("org.example.x", 0)]
}

/// A room led by u1 and u2 in which the policy wants these levels.
fn room(content: serde_json::Value, wanted: Vec<(RoomLevel, i64)>) -> World {
    Given { room_levels: wanted, ..led("10", content) }.world()
}

#[test]
fn each_level_that_is_given_is_set_in_the_event_of_the_grants() {
    let mut world = room(json!({"users": {(BOT): 100}, "ban": 70, "events": {"m.room.name": 30}}), wanted());
    let view = plan(&world, &Recent::default()).view(&world);
    let (first, after) = settled(&mut world);
    // What is so by the specification, like `kick`, needs no word; what is not given stays.
    let expected = json!({
        "users": {(BOT): 100, (mxid(1)): 50, (mxid(2)): 50},
        "invite": 100,
        "state_default": 60,
        "ban": 70,
        "events": {"m.room.name": 30, "m.room.tombstone": 100, "org.example.x": 0},
    });
    assert_eq!((after, obstacles(&world, &first)), (expected, vec![]));
    let levels: Vec<_> = view.actions.iter().filter(|action| action.kind == Kind::SetPowerLevels).collect();
    let [levels] = levels[..] else { panic!("one event: {view:?}") };
    let before = json!({
        "invite": 0, "state_default": 50, "events.m.room.tombstone": null, "events.org.example.x": null,
        (mxid(1)): 0, (mxid(2)): 0,
    });
    let after = json!({
        "invite": 100, "state_default": 60, "events.m.room.tombstone": 100, "events.org.example.x": 0,
        (mxid(1)): 50, (mxid(2)): 50,
    });
    assert_eq!((&levels.before, &levels.after), (&before, &after));
    let by = format!("(the levels were last set by {FOUNDER})");
    let words =
        format!("invite: 0 → 100 {by}; state_default: 50 → 60 {by}; events.m.room.tombstone: none → 100 {by}; ");
    assert!(levels.because.starts_with(&words), "{}", levels.because);
}

#[test]
fn levels_of_the_room_need_no_grants_and_touch_nobody() {
    let content = json!({"users": {(BOT): 100, (mxid(1)): 70}, "users_default": 10, "invite": "5_0"});
    let room_levels = vec![(RoomLevel::Invite, 100)];
    let mut world = Given { grants: vec![], room_levels, ..led("5", content) }.world();
    let (_, after) = settled(&mut world);
    assert_eq!(after, json!({"users": {(BOT): 100, (mxid(1)): 70}, "users_default": 10, "invite": 100}));
}

#[test]
fn a_level_above_the_bots_is_not_sent_and_the_others_are() {
    let content = json!({"users": {(BOT): 90}, "kick": 95});
    let wanted = vec![
        (RoomLevel::Invite, 100),
        (RoomLevel::Kick, 50),
        (RoomLevel::Event(POWER_LEVELS.to_owned()), 91),
        (RoomLevel::Ban, 90),
    ];
    let mut world = room(content, wanted);
    let (first, after) = settled(&mut world);
    assert_eq!(after, json!({"users": {(BOT): 90, (mxid(1)): 50, (mxid(2)): 50}, "kick": 95, "ban": 90}));
    let told = obstacles(&world, &first);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("invite would go from or to level 100, and the bot's own is 90"), "{told:?}");
    assert!(
        told[0]
            .ends_with("raise the bot (`phenom-provisioner bootstrap`, or by hand to 100), or write less under levels"),
        "{told:?}"
    );
    assert!(told[1].starts_with("kick would go from or to level 95"), "{told:?}");
    assert!(told[2].starts_with("events.m.room.power_levels would go from or to level 91"), "{told:?}");
}

#[test]
fn what_is_asked_of_people_counts_for_nothing_and_settles_for_nothing() {
    let none = GuardLimits { free_removals: 0, max_removals: 0, max_fraction: 0.0, window_seconds: 60 };
    let content = json!({"users": {(BOT): 100, (mxid(1)): 50, (mxid(2)): 50}, "invite": 0});
    let given = Given { room_levels: vec![(RoomLevel::Invite, 100)], ..led("10", content) };
    let world = given.world_with(|policy| policy.guard = none);
    let first = plan(&world, &Recent::default());
    let [action] = &of_the_room(&first)[..] else { panic!("{first:?}") };
    assert!(action.is_due());
    assert_eq!((action.change.takes(), action.change.settling(&world).count()), (0, 0));
    assert_eq!(action.change.turn(), Turn::Lower, "whoever could do it before waits for no fill");
}

#[test]
fn which_levels_are_planned_is_in_the_id_and_in_the_digest() {
    let of = |level: i64, now: i64| {
        let world = room(
            json!({"users": {(BOT): 100, (mxid(1)): 50, (mxid(2)): 50}, "invite": now}),
            vec![(RoomLevel::Invite, level)],
        );
        let first = plan(&world, &Recent::default());
        let change = &of_the_room(&first)[0].change;
        (first.id(&world), change.digest(&world, Mode::Enforce), change.exact_digest(&world))
    };
    let (one, other, from_elsewhere) = (of(100, 0), of(90, 0), of(100, 50));
    assert!(one.0 != other.0 && one.1 != other.1 && one.2 != other.2);
    assert_eq!((&one.0, one.1), (&from_elsewhere.0, from_elsewhere.1), "what would be made so is the same");
    assert_ne!(one.2, from_elsewhere.2);
}

#[test]
fn a_level_that_somebody_keeps_setting_back_is_told_by_its_name_and_the_others_go_on() {
    let levels = vec![(RoomLevel::Invite, 0), (RoomLevel::Ban, 60), (RoomLevel::Kick, 60)];
    let mut world = room(json!({"users": {(BOT): 100}, "invite": 100}), levels);
    let of = |world: &mut World, name: &str, after: i64| {
        let level = world.level_by_name(the_room(world), name).unwrap();
        ChangeKey::of_level(the_room(world), level, Some(after))
    };
    let (key, kick) = (of(&mut world, "invite", 0), of(&mut world, "kick", 60));
    let fight = Fight { times: 5, window_minutes: 10, by: None, again_at: Some("12:00:00 UTC".to_owned()) };
    world.begin_fight(key.clone(), fight.clone());
    // To ask for less gives power to everybody, so asking for more never rests.
    world.begin_fight(kick, fight);
    assert_eq!(world.subject_of(&key).as_deref(), Some("invite"));
    let (first, after) = settled(&mut world);
    assert_eq!((&after["invite"], &after["ban"], &after["kick"]), (&json!(100), &json!(60), &json!(60)));
    let told = &first.view(&world).blocked[0];
    assert!(told.user == BOT && told.because.starts_with("invite: undone 5 times"), "{told:?}");
}

#[test]
fn a_level_that_the_policy_gives_is_no_loss_of_others() {
    let world = room(json!({}), vec![(RoomLevel::Invite, 100), (RoomLevel::Event("m.room.name".to_owned()), 50)]);
    let made_from = json!({"users": {}});
    let theirs = json!({"users": {}, "users_default": 75, "invite": 0, "ban": 10, "events": {"m.room.name": 0, "m.room.topic": 0}});
    let lost = world.lost_edits(the_room(&world), &made_from, &theirs, &made_from);
    assert_eq!(lost.iter().map(LostEdit::name).collect::<Vec<_>>(), ["ban", "events.m.room.topic"]);
}

#[test]
fn the_bot_needs_the_highest_level_that_it_is_to_ask_for() {
    let world = room(json!({"users": {(BOT): 50}}), vec![(RoomLevel::Invite, 100), (RoomLevel::Ban, 60)]);
    let room = the_room(&world);
    let levels = world.room(room).levels().unwrap();
    let needs = needs(&world.policy.rooms[0], &world.policy.modes, &levels, Some("public"));
    let lacking: Vec<String> = needs.iter().filter(|need| need.level > 50).map(|need| need.act.to_string()).collect();
    assert_eq!(lacking, ["grant level 50", "have anything take level 100"]);
}
