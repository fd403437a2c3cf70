//! Levels that would not fit into an event. Matrix allows 65,536 bytes.

use provisioner_policy::*;
use serde_json::{Map, Value, json};

use crate::given::*;

/// A room of version 10 whose levels name these people, with a grant of level 50 to `analysts`.
fn world(people: &[(String, i64)], analysts: &[String]) -> World {
    let row = |subject: &String| RosterRow {
        subject: Some(subject.clone()),
        team: Some("analysts".to_owned()),
        role: Some("member".to_owned()),
    };
    let users: Map<String, Value> =
        people.iter().map(|(subject, level)| (format!("@{subject}:{SERVER}"), json!(level))).collect();
    let mut levels = json!({"users": users});
    levels["users"][BOT] = json!(100);
    let analysts_team = Selector::Team("analysts".to_owned());
    let sources = Sources {
        rows: analysts.iter().map(row).collect(),
        roster: Listing::Good,
        group: vec![],
        group_listing: Listing::Good,
        pool: None,
    };
    Given {
        version: "10",
        creators: vec![FOUNDER.to_owned()],
        levels: Some(levels),
        state: vec![],
        settings: RoomSettings::default(),
        grants: vec![PowerGrant { level: 50, grant: vec![analysts_team.clone()] }],
        room_levels: vec![],
        members: vec![analysts_team],
        sources,
        in_room: vec![],
    }
    .world()
}

fn subjects(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("00000000-0000-4000-8000-{number:012}")).collect()
}

fn with_level(subjects: &[String], level: i64) -> Vec<(String, i64)> {
    subjects.iter().map(|subject| (subject.clone(), level)).collect()
}

/// Carries the plan out and answers whether a person was told that it is too large, and the levels then.
fn carried_out(world: &mut World) -> (bool, Value) {
    let first = plan(world, &Recent::default());
    let told = first.blocked.iter().filter(|one| matches!(one.because, Because::Obstacle(Obstacle::TooLarge { .. })));
    let told = told.count();
    assert!(told <= 1, "said once: {:?}", first.blocked);
    carry_out(world, &first);
    assert_eq!(
        plan(world, &Recent::default()).due().filter(|one| one.change.kind() == Kind::SetPowerLevels).count(),
        0
    );
    (told == 1, levels(world).expect("levels are never taken away"))
}

fn level<'a>(levels: &'a Value, subject: &str) -> &'a Value {
    &levels["users"][format!("@{subject}:{SERVER}")]
}

#[test]
fn more_grants_than_fit_are_refused_and_whom_the_room_names_is_changed_all_the_same() {
    let analysts = subjects(1500);
    let named = [(analysts[0].clone(), 10), ("gone".to_owned(), 60)];
    let (told, levels) = carried_out(&mut world(&named, &analysts));
    assert!(told);
    assert_eq!([level(&levels, &analysts[0]), level(&levels, "gone")], [&json!(50), &Value::Null]);
    assert_eq!(levels["users"].as_object().unwrap().len(), 2, "nobody else is named");
}

#[test]
fn who_is_to_be_lowered_is_lowered_also_where_raising_whom_the_room_names_does_not_fit() {
    let analysts = subjects(1135);
    let mut named = with_level(&analysts, 1);
    named.push(("gone".to_owned(), 60));
    let mut world = world(&named, &analysts);
    assert!(levels(&world).unwrap().to_string().len() < 61_440, "what is there fits");
    let (told, levels) = carried_out(&mut world);
    assert!(told);
    assert_eq!(level(&levels, "gone"), &Value::Null);
}

#[test]
fn who_is_to_be_lowered_is_lowered_also_where_the_levels_are_larger_than_we_would_make_them() {
    let others = subjects(1130);
    let mut named = with_level(&others, -10);
    named.push(("gone".to_owned(), 60));
    let mut world = world(&named, &["somebody".to_owned()]);
    let bytes = levels(&world).unwrap().to_string().len();
    assert!((61_440..65_536).contains(&bytes), "{bytes}");
    let (told, levels) = carried_out(&mut world);
    assert!(told, "one more does not fit");
    assert_eq!([level(&levels, "gone"), level(&levels, "somebody")], [&Value::Null, &Value::Null]);
}
