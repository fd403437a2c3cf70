//! Where the guard's limits begin: what reaches one goes, and one more is held.

use provisioner_policy::*;

use crate::{SERVER, due_removals, read, subject, world};

pub(crate) const LIMITS: GuardLimits =
    GuardLimits { window_seconds: 60, free_removals: 2, max_removals: 5, max_fraction: 0.25 };

/// Removals that are due after so many of so many lost their rows.
fn due_of(lost: usize, people: usize, limits: GuardLimits, recent: &Recent) -> u32 {
    let mut world = world(&[people], limits);
    read(&mut world, (lost..people).map(|user| (0, user)));
    due_removals(&world, &plan(&world, recent))[0]
}

fn taken(class: Class, count: u32) -> Recent {
    let room = world(&[1], LIMITS).rooms().next();
    Recent { taken: [((class, room), count)].into_iter().collect(), ..Recent::default() }
}

#[test]
fn what_reaches_a_limit_goes_and_one_more_is_held() {
    for (lost, people, due, limit) in [
        (2, 3, 2, "the free ones, however many that are of the room"),
        (3, 11, 0, "one more than the free ones and than the share"),
        (3, 12, 3, "the share"),
        (5, 100, 5, "all that may be taken"),
        (6, 100, 0, "one more"),
    ] {
        assert_eq!(due_of(lost, people, LIMITS, &Recent::default()), due, "{limit}");
    }
}

#[test]
fn who_was_removed_within_the_window_was_a_member_when_it_began() {
    let limits = GuardLimits { max_removals: 100, ..LIMITS };
    // Four of the sixteen that there were.
    assert_eq!(due_of(1, 13, limits, &taken(Class::Removals, 3)), 1);
    assert_eq!(due_of(1, 12, limits, &taken(Class::Removals, 3)), 0, "four of fifteen");
    assert_eq!(due_of(1, 12, limits, &taken(Class::PowerLevels, 3)), 1, "another class is another matter");
}

#[test]
fn who_was_lowered_within_the_window_is_a_member_still() {
    for (people, is_held) in [(11, true), (12, false)] {
        let mut world = leads(people);
        let room = world.rooms().next().expect("the one room");
        let recent = taken(Class::PowerLevels, 2);
        read(&mut world, (1..people).map(|user| (0, user)));
        let plan = plan(&world, &recent);
        let levels = plan.of(Some(room), Kind::SetPowerLevels);
        assert_eq!((levels.len(), levels[0].is_held()), (1, is_held), "three of {people}");
    }
}

#[test]
fn what_is_held_of_a_room_s_levels_is_one_action_with_a_part_for_each_person() {
    let mut world = leads(20);
    read(&mut world, (6..20).map(|user| (0, user)));
    let plan = plan(&world, &Recent::default());
    let held: Vec<&Action> = plan.held().collect();
    assert_eq!((held.len(), held[0].part_count(), held[0].change.takes()), (1, 6, 6));
    let parts: Vec<Action> = held[0].parts().collect();
    assert!(parts.len() == 6 && parts.iter().all(|part| part.is_held() && part.part_count() == 1), "{parts:?}");
    let views = plan.view(&world).actions;
    assert_eq!(views.iter().filter(|view| view.held).map(|view| view.part_count).collect::<Vec<_>>(), [6]);
}

/// A room in which everybody has a level by the team, and nobody is removed.
pub(crate) fn leads(people: usize) -> World {
    let team = || vec![Selector::Team("team0".into())];
    let room = RoomPolicy {
        unlisted: Unlisted::Keep,
        power: vec![PowerGrant { level: 50, grant: team() }],
        ..RoomPolicy::new("room0", format!("!room0:{SERVER}"), team())
    };
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: "@bot:phenom.test".into(),
        rooms: vec![room],
        modes: Modes { power_levels: Mode::Enforce, ..Modes::default() },
        guard: LIMITS,
        ..Policy::default()
    });
    let room = world.rooms().next().expect("the one room");
    world.set_room_status(room, RoomStatus::Ready);
    let mut users = serde_json::json!({"@bot:phenom.test": 100});
    for user in 0..people {
        let mxid = format!("@{}:{SERVER}", subject(0, user));
        users[&mxid] = 50.into();
        world.set_membership(room, &mxid, Membership::Join, None);
    }
    let content = serde_json::json!({ "users": users });
    world.set_state(
        room,
        POWER_LEVELS,
        StateEntry { content, sender: "@bot:phenom.test".into(), event_id: "$e".into() },
    );
    world
}

#[test]
fn what_is_only_observed_is_held_for_no_longer_than_it_is_over_a_limit() {
    let mut world = world(&[12], LIMITS);
    world.adjust(|policy| policy.modes.removals = Mode::Observe);
    let mut recent = Recent::default();
    let mut marked = |world: &mut World, lost: usize| {
        read(world, (lost..12).map(|user| (0, user)));
        let plan = plan(world, &recent);
        recent.withheld.compare(world, &plan, true);
        plan.actions.iter().filter(|action| action.held.is_some()).count()
    };
    assert_eq!((marked(&mut world, 4), marked(&mut world, 3)), (4, 0), "nobody is asked about what is not done");
}
