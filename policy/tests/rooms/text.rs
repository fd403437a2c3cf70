//! Levels that are text, in rooms of old versions: read as Synapse reads them, and written as the numbers they are, since it
//! takes nothing else from us.

use serde_json::json;

use crate::given::*;

#[test]
fn levels_of_any_spelling_are_read_and_written_as_numbers() {
    let content = json!({
        "users": {(BOT): "1_00", (mxid(1)): " ５0 ", (mxid(3)): "\u{661}\u{660}", (mxid(4)): "-1", (EXEMPT): "7_0"},
        "users_default": "0",
        "ban": "５0",
        "events": {"m.room.name": "5_0", "org.example.x": 20.9},
        "notifications": {"room": "20"},
        "org.example.unknown": "20",
    });
    let mut world = led("5", content).world();
    let (first, after) = settled(&mut world);
    assert_eq!(obstacles(&world, &first), Vec::<String>::new());
    let expected = json!({
        "users": {(BOT): 100, (mxid(1)): 50, (mxid(2)): 50, (mxid(4)): -1, (EXEMPT): 70},
        "users_default": 0,
        "ban": 50,
        "events": {"m.room.name": 50, "org.example.x": 20},
        "notifications": {"room": 20},
        "org.example.unknown": "20",
    });
    assert_eq!(after, expected);
}

#[test]
fn how_a_level_is_written_is_no_drift() {
    let mut world = led("5", json!({"users": {(BOT): "100", (mxid(1)): "5_0", (mxid(2)): "５0"}})).world();
    let before = levels(&world);
    let (first, after) = settled(&mut world);
    assert_eq!((of_the_room(&first).len(), obstacles(&world, &first).len(), Some(after)), (0, 0, before));
}

#[test]
fn a_creator_above_all_levels_is_never_listed_whatever_the_version_is_called() {
    let given =
        Given { creators: vec![mxid(1), mxid(2)], ..led("org.matrix.hydra.11", json!({"users": {(BOT): 100}})) };
    let mut world = given.world();
    let (first, after) = settled(&mut world);
    assert_eq!((of_the_room(&first).len(), obstacles(&world, &first).len()), (0, 0));
    assert_eq!(after, json!({"users": {(BOT): 100}}));
}
