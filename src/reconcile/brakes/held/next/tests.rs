//! What becomes of a held plan: nothing that was shown is let go because something cannot be read.

use provisioner_policy::HeldPart;

use super::*;

const WHOLE: Sight = Sight { whole: true, as_shown: false };
const POORER: Sight = Sight { whole: false, as_shown: false };
const POORER_AS_SHOWN: Sight = Sight { whole: false, as_shown: true };

fn count(room: Option<&str>, count: u32) -> HeldCount {
    HeldCount { class: "removals".to_owned(), room: room.map(str::to_owned), count, of: Some(10) }
}

fn part(id: &str, parts: &[u8], counts: &[HeldCount]) -> HeldPart {
    let parts = parts.iter().map(|one| [*one; 16]).collect();
    HeldPart { id: id.to_owned(), parts, counts: counts.to_vec(), reasons: Vec::new() }
}

fn current(id: &str, parts: &[u8], counts: &[HeldCount]) -> Current {
    let part = part(id, parts, counts);
    Current { id: part.id, parts: part.parts.into_iter().collect(), counts: part.counts }
}

fn nothing_is_idle(_: &str) -> bool {
    false
}

#[test]
fn what_is_the_same_stays_however_much_was_read() {
    for sight in [WHOLE, POORER, POORER_AS_SHOWN] {
        let stored = current("a", &[1, 2], &[]);
        assert_eq!(next(Some(&stored), Some(part("a", &[1, 2], &[])), sight, nothing_is_idle), Next::Stays);
        assert_eq!(next(None, None, sight, nothing_is_idle), Next::Stays);
    }
}

#[test]
fn what_is_held_first_is_stored_however_little_was_read() {
    for sight in [WHOLE, POORER, POORER_AS_SHOWN] {
        let now = part("a", &[1], &[count(Some("staff"), 1)]);
        assert_eq!(next(None, Some(now.clone()), sight, nothing_is_idle), Next::Replaced(now));
    }
}

#[test]
fn nothing_is_over_while_something_cannot_be_read() {
    let stored = current("a", &[1], &[]);
    assert_eq!(next(Some(&stored), None, WHOLE, nothing_is_idle), Next::Over);
    assert_eq!(next(Some(&stored), None, POORER, nothing_is_idle), Next::Stays);
}

#[test]
fn a_poorer_plan_replaces_a_richer_one_only_by_what_is_new_or_where_it_was_shown() {
    let stored = current("a", &[1, 2], &[]);
    let poorer = || part("b", &[2], &[]);
    let other = || part("c", &[2, 3], &[]);
    assert_eq!(next(Some(&stored), Some(poorer()), WHOLE, nothing_is_idle), Next::Replaced(poorer()));
    assert_eq!(next(Some(&stored), Some(poorer()), POORER, nothing_is_idle), Next::Stays);
    assert_eq!(next(Some(&stored), Some(poorer()), POORER_AS_SHOWN, nothing_is_idle), Next::Replaced(poorer()));
    assert_eq!(next(Some(&stored), Some(other()), POORER, nothing_is_idle), Next::Replaced(other()));
}

#[test]
fn of_how_many_it_was_at_first_outlasts_a_room_that_cannot_be_read_and_no_other() {
    let before = [count(Some("staff"), 3), count(Some("analysts"), 4), count(None, 5)];
    let stored = current("a", &[1], &before);
    let now = || part("b", &[2], &[count(Some("red"), 1)]);
    let staff_is_idle = |key: &str| key == "staff";

    let Next::Replaced(whole) = next(Some(&stored), Some(now()), WHOLE, staff_is_idle) else { panic!("it stays") };
    assert_eq!(whole.counts, [count(Some("red"), 1)]);
    for sight in [POORER, POORER_AS_SHOWN] {
        let Next::Replaced(part) = next(Some(&stored), Some(now()), sight, staff_is_idle) else { panic!("it stays") };
        assert_eq!(part.counts, [count(Some("red"), 1), count(Some("staff"), 3)]);
    }
}
