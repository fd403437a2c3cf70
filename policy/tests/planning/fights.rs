//! Fights about a room's levels and settings: each level and each setting by itself, while the others go on.

use provisioner_policy::*;
use serde_json::json;

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";

/// A room in which two people have power that nobody granted them, one is to get some, and name and topic have drifted.
fn world() -> (World, RoomIx) {
    let lead = Selector::Subject("lead".to_owned());
    let room = RoomPolicy {
        unlisted: Unlisted::Keep,
        power: vec![PowerGrant { level: 50, grant: vec![lead.clone()] }],
        settings: RoomSettings {
            name: Some("Staff".to_owned()),
            topic: Some("About us".to_owned()),
            ..RoomSettings::default()
        },
        ..RoomPolicy::new("staff", format!("!staff:{SERVER}"), vec![lead])
    };
    let enforce = Mode::Enforce;
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: BOT.into(),
        rooms: vec![room],
        modes: Modes { power_levels: enforce, room_state: enforce, ..Modes::default() },
        ..Policy::default()
    });
    let room = world.rooms().next().expect("the one room");
    world.set_accounts_listed(true);
    world.set_on_server("@lead:phenom.test", OnServer { present: true, ..OnServer::default() });
    world.set_membership(room, "@lead:phenom.test", Membership::Join, None);
    world.set_room_status(room, RoomStatus::Ready);
    let users = json!({BOT: 100, "@hand:phenom.test": 60, "@other:phenom.test": 40});
    let event = |content| StateEntry { content, sender: "@admin:phenom.test".to_owned(), event_id: "$e".to_owned() };
    world.set_state(room, POWER_LEVELS, event(json!({"users": users})));
    (world, room)
}

fn fight() -> Fight {
    let by = Some("@admin:phenom.test".to_owned());
    Fight { times: 5, window_minutes: 10, by, again_at: Some("12:00:00 UTC".to_owned()) }
}

/// What of a kind is due, as the plan shows it.
fn due(world: &World, kind: Kind) -> Vec<serde_json::Value> {
    let plan = plan(world, &Recent::default());
    plan.due().filter(|action| action.change.kind() == kind).map(|action| action.view(world).after).collect()
}

#[test]
fn one_level_that_somebody_keeps_undoing_keeps_no_other_waiting() {
    let (mut world, room) = world();
    let lead = world.users.get("@lead:phenom.test").unwrap();
    world.begin_fight(ChangeKey::of_level(room, lead, Some(50)), fight());
    let others = json!({"@hand:phenom.test": null, "@other:phenom.test": null});
    assert_eq!(due(&world, Kind::SetPowerLevels), [others]);
    let view = plan(&world, &Recent::default()).view(&world);
    let told: Vec<_> = view.blocked.iter().map(|one| (one.kind, one.user.as_str(), one.because.as_str())).collect();
    let text = fight().text();
    assert_eq!(told, [(Kind::SetPowerLevels, "@lead:phenom.test", text.as_str())]);
    assert_eq!(world.explain(lead, &plan(&world, &Recent::default())).rooms[0].power.because, text);
    // Another level for the same person is another matter.
    world.end_fight(&ChangeKey::of_level(room, lead, Some(50)));
    world.begin_fight(ChangeKey::of_level(room, lead, Some(40)), fight());
    assert_eq!(due(&world, Kind::SetPowerLevels)[0].as_object().unwrap().len(), 3);
}

#[test]
fn power_above_the_grant_never_rests_however_long_somebody_fights_for_it() {
    let (mut world, room) = world();
    let hand = world.users.get("@hand:phenom.test").unwrap();
    world.begin_fight(ChangeKey::of_level(room, hand, None), fight());
    assert_eq!(due(&world, Kind::SetPowerLevels)[0]["@hand:phenom.test"], json!(null));
    assert_eq!(due(&world, Kind::SetPowerLevels)[0].as_object().unwrap().len(), 3);
    assert_eq!(plan(&world, &Recent::default()).view(&world).blocked.len(), 0);
}

#[test]
fn the_setting_that_somebody_keeps_undoing_is_named_and_the_others_are_set() {
    let (mut world, room) = world();
    let topic =
        Change::SetRoomState { room, setting: Setting::Topic, before: None, after: "About us".to_owned() }.key();
    world.begin_fight(topic.clone(), fight());
    assert_eq!(due(&world, Kind::SetRoomState), [json!("Staff")]);
    let view = plan(&world, &Recent::default()).view(&world);
    assert_eq!(view.blocked[0].because, format!("topic: {}", fight().text()));
    assert_eq!(world.subject_of(&topic).as_deref(), Some("topic"));
}

#[test]
fn a_fight_is_told_with_who_and_until_when() {
    let told = fight().text();
    let begins = "undone 5 times in 10 minutes by @admin:phenom.test; ";
    assert!(told.starts_with(begins) && told.ends_with("it is tried again at 12:00:00 UTC"), "{told}");
    let each_time = Fight { by: None, again_at: None, ..fight() }.text();
    assert!(each_time.contains("by somebody") && each_time.ends_with("it is done again each time"), "{each_time}");
}
