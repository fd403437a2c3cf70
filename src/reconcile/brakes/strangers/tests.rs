//! What a restart keeps of strangers: nobody becomes rightful by it, and nothing is written that is known.

use provisioner_policy::{Followed, Modes, Policy, RoomPolicy};

use super::*;

const ROOM: &str = "!staff:a";

fn world(removals: Mode) -> World {
    World::new(Policy {
        server_name: "a".into(),
        bot: "@bot:a".into(),
        rooms: vec![RoomPolicy::new("staff", ROOM, Vec::new())],
        modes: Modes { removals, ..Modes::default() },
        ..Policy::default()
    })
}

fn noted(class: &str, room_id: &str, user_id: &str) -> StrangerRow {
    StrangerRow { class: class.to_owned(), room_id: room_id.to_owned(), user_id: user_id.to_owned() }
}

fn in_room(user_id: &str) -> StrangerRow {
    noted(Class::Removals.key(), ROOM, user_id)
}

fn taken_over(rows: &[StrangerRow], world: &mut World) -> StoredStrangers {
    let mut strangers = StoredStrangers::default();
    strangers.take_over(rows, DateTime::UNIX_EPOCH, world);
    strangers
}

fn known(world: &World) -> Vec<StrangerRow> {
    let mut rows: Vec<StrangerRow> = world.strangers.iter().map(|one| row(&one, world)).collect();
    rows.sort_by(|one, other| one.user_id.cmp(&other.user_id));
    rows
}

/// What was to be written is written.
fn written(strangers: &mut StoredStrangers, world: &World) {
    strangers.stored = strangers.changed(world).map(|changed| changed.now);
    strangers.revision = world.strangers.revision;
}

#[test]
fn nothing_is_written_before_it_is_read() {
    let mut world = world(Mode::Enforce);
    let room = world.rooms().next();
    let user = world.intern("@one:a");
    world.remember_stranger((Class::Removals, room), user);
    assert!(StoredStrangers::default().changed(&world).is_none());
}

#[test]
fn who_was_a_stranger_is_one_after_a_restart() {
    let mut world = world(Mode::Enforce);
    let rows = [in_room("@one:a"), noted(Class::Removals.key(), "", "@two:a")];
    let mut strangers = taken_over(&rows, &mut world);
    assert_eq!(known(&world), rows);

    let Changed { new, over, .. } = strangers.changed(&world).expect("looked at once after it was read");
    assert!(new.is_empty() && over.is_empty(), "{new:?} {over:?}");
    written(&mut strangers, &world);
    assert!(strangers.changed(&world).is_none());
}

#[test]
fn who_was_a_stranger_is_one_in_the_room_that_replaced_theirs_and_after_a_restart_there() {
    let mut world = world(Mode::Enforce);
    let successor = Followed {
        configured: ROOM.to_owned(),
        id: "!successor:a".to_owned(),
        by: "somebody".to_owned(),
        at: "today".to_owned(),
        voluntary_leaves: Vec::new(),
    };
    world.follow(vec![successor]);
    let bucket = (Class::Removals, world.rooms().next());
    let two = world.intern("@two:a");
    let mut strangers = taken_over(&[in_room("@one:a")], &mut world);
    written(&mut strangers, &world);
    world.remember_stranger(bucket, two);
    let Changed { new, over, .. } = strangers.changed(&world).expect("something changed");
    assert_eq!((new, over), (vec![in_room("@two:a")], vec![]), "by the room that it was noted of");
}

#[test]
fn what_changes_is_written_and_nothing_else() {
    let mut world = world(Mode::Enforce);
    let mut strangers = taken_over(&[in_room("@one:a"), in_room("@two:a")], &mut world);
    written(&mut strangers, &world);
    let bucket = (Class::Removals, world.rooms().next());
    let (one, three) = (world.intern("@one:a"), world.intern("@three:a"));
    world.forget_stranger(bucket, one);
    world.remember_stranger(bucket, three);

    let Changed { new, over, .. } = strangers.changed(&world).expect("something changed");
    assert_eq!((new, over), (vec![in_room("@three:a")], vec![in_room("@one:a")]));
}

#[test]
fn of_a_class_that_observes_it_is_forgotten() {
    let mut world = world(Mode::Observe);
    let strangers = taken_over(&[in_room("@one:a")], &mut world);
    assert_eq!(known(&world), []);
    let Changed { new, over, .. } = strangers.changed(&world).expect("something changed");
    assert_eq!((new, over), (vec![], vec![in_room("@one:a")]));
}

#[test]
fn of_what_is_not_managed_now_nothing_is_taken_over_and_nothing_forgotten() {
    let mut world = world(Mode::Enforce);
    let rows = [noted(Class::Removals.key(), "!gone:a", "@one:a"), noted("no class", ROOM, "@two:a")];
    let strangers = taken_over(&rows, &mut world);
    assert_eq!(known(&world), []);
    let Changed { new, over, .. } = strangers.changed(&world).expect("looked at once after it was read");
    assert!(new.is_empty() && over.is_empty(), "{new:?} {over:?}");
}

#[test]
fn what_happened_before_this_process_judged_is_not_judged() {
    let now = DateTime::from_timestamp(100, 0).expect("a time");
    let mut strangers = StoredStrangers::default();
    assert!(!strangers.judges(now), "nothing was read yet");
    strangers.take_over(&[], now, &mut world(Mode::Enforce));
    assert!(strangers.judges(now));
    assert!(!strangers.judges(now - chrono::Duration::seconds(1)));
}
