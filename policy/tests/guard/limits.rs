//! What is taken stays within the limits, whatever share of the rows an answer loses, and nothing else is concluded from it.

use proptest::prelude::*;
use provisioner_policy::*;

use crate::{SERVER, due_removals, read, subject, world};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn however_many_rows_an_answer_loses_what_is_taken_stays_within_the_limits(
        teams in proptest::collection::vec(0..30usize, 1..8),
        kept in proptest::collection::vec(any::<bool>(), 240),
        free in 0..4u32, more in 0..6u32, max_fraction in 0.0..1.0f64,
    ) {
        let limits = GuardLimits { free_removals: free, max_removals: free + more, max_fraction, window_seconds: 60 };
        let mut world = world(&teams, limits);
        let everyone = teams.iter().enumerate().flat_map(|(team, count)| (0..*count).map(move |user| (team, user)));
        let rows: Vec<_> = everyone.filter(|(team, user)| kept[team * 30 + user]).collect();
        let newcomer = (0, 100);
        read(&mut world, rows.into_iter().chain([newcomer]));
        let plan = plan(&world, &Recent::default());
        let due = due_removals(&world, &plan);
        for (room, taken) in due.iter().enumerate() {
            let share = max_fraction * teams[room] as f64;
            prop_assert!(*taken <= free || f64::from(*taken) <= share, "{taken} of {}", teams[room]);
        }
        prop_assert!(due.iter().sum::<u32>() <= limits.max_removals);
        // What gives goes on, and what is held is counted right.
        prop_assert!(plan.due().any(|action| action.change.kind() == Kind::Join));
        let held: u32 = plan.held_part(&world).map_or(0, |part| part.counts.iter().map(|one| one.count).sum());
        prop_assert_eq!(held as usize, plan.held().count());
    }
}

#[test]
fn rooms_that_each_lose_few_are_held_when_they_lose_many_together() {
    let mut world = world(&[20, 20, 20], GuardLimits::default());
    read(&mut world, (0..3).flat_map(|team| (2..20).map(move |user| (team, user))));
    let plan = plan(&world, &Recent::default());
    assert_eq!(due_removals(&world, &plan), [0, 0, 0]);
    let gone = world.users.get(&format!("@{}:{SERVER}", subject(0, 0))).unwrap();
    let because = &world.explain(gone, &plan).rooms[0].because;
    assert!(because.starts_with("will be removed once somebody approves it, and not before"), "{because}");
    let part = plan.held_part(&world).unwrap();
    assert_eq!(
        part.counts.iter().map(|one| (one.room.as_deref(), one.count)).collect::<Vec<_>>(),
        [(Some("room0"), 2), (Some("room1"), 2), (Some("room2"), 2)]
    );
    assert!(
        part.reasons[0].starts_with("room0: 6 removals are more than guard.max_removals = 5"),
        "{:?}",
        part.reasons
    );
}

#[test]
fn a_leave_by_choice_is_not_forgotten_for_an_answer_that_the_guard_does_not_believe() {
    let mut world = world(&[10], GuardLimits::default());
    let room = world.room_by_key("room0").unwrap();
    world.set_membership(room, &format!("@t0u9:{SERVER}"), Membership::Left, Some("$left"));
    read(&mut world, (0..3).map(|user| (0, user)));
    let doubtful = plan(&world, &Recent::default());
    assert_eq!((doubtful.held().count(), doubtful.cleared_leaves.len()), (6, 0));
    read(&mut world, (0..9).map(|user| (0, user)));
    assert_eq!(plan(&world, &Recent::default()).cleared_leaves.len(), 1, "one row that goes is believed");
}

#[test]
fn joining_others_meanwhile_does_not_make_what_is_held_a_smaller_share() {
    let mut world = world(&[10], GuardLimits::default());
    let room = world.room_by_key("room0").unwrap();
    read(&mut world, (3..10).chain(100..110).map(|user| (0, user)));
    let first = plan(&world, &Recent::default());
    let part = first.held_part(&world).unwrap();
    assert_eq!((part.counts[0].count, part.counts[0].of), (3, Some(10)));
    for action in first.due() {
        if let Change::Join { user, .. } = action.change {
            world.set_member(room, user, Membership::Join, None);
        }
    }
    let mut recent = Recent::default();
    assert_eq!(due_removals(&world, &plan(&world, &recent)), [3], "3 of 20 would be few");
    recent.remember(&world, &part.counts);
    let second = plan(&world, &recent);
    assert_eq!((due_removals(&world, &second), second.held_id(&world)), (vec![0], Some(part.id)));
    // When fewer would go, they go.
    read(&mut world, (2..10).map(|user| (0, user)));
    assert_eq!(due_removals(&world, &plan(&world, &recent))[0], 0, "the ten who were joined would go as well");
    read(&mut world, (2..10).chain(100..110).map(|user| (0, user)));
    assert_eq!(due_removals(&world, &plan(&world, &recent)), [2]);
}

#[test]
fn one_row_a_minute_for_an_hour_takes_no_more_than_the_limit_however_long_it_is_left() {
    let limits = GuardLimits::default();
    let mut world = world(&[100], limits);
    let room = world.rooms().next().expect("the one room");
    let mut removed_at: Vec<u64> = Vec::new();
    for minute in 0..180 {
        let gone = usize::try_from(minute + 1).expect("a few").min(60);
        read(&mut world, (gone..100).map(|user| (0, user)));
        let now = minute * 60;
        let lately = removed_at.iter().filter(|at| now - **at < limits.window_seconds).count();
        let taken = [((Class::Removals, Some(room)), u32::try_from(lately).expect("a few"))];
        let plan = plan(&world, &Recent { taken: taken.into_iter().collect(), ..Recent::default() });
        assert_eq!(plan.held().count() + plan.due().count() + removed_at.len(), gone);
        let due: Vec<UserIx> = plan.due().filter_map(|action| action.change.user()).collect();
        for user in due {
            world.set_member(room, user, Membership::Removed, None);
            removed_at.push(now);
        }
    }
    assert_eq!(removed_at.len(), 5, "{removed_at:?}");
}
