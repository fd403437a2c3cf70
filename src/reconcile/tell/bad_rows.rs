//! Rows that keep something from being taken, told once they have lasted: they may be meant to.

use provisioner_policy::{Freeze, World};

/// The key of rows that freeze removals.
pub(super) const FREEZING: &str = "rows that name nobody clearly";

/// Rows that may mean anybody, where somebody could otherwise be removed for the roster's sake.
pub(super) fn freezing(world: &World) -> Option<String> {
    let frozen: Vec<(&str, String)> = world
        .rooms()
        .filter(|room| world.removes_unlisted(*room))
        .filter_map(|room| match world.freeze(room)? {
            Freeze::Row(why) => Some((room.key(world), why)),
            Freeze::Unread(_) | Freeze::Failing { .. } => None,
        })
        .collect();
    let (_, why) = frozen.first()?;
    let rooms: Vec<&str> = frozen.iter().map(|(room, _)| *room).collect();
    Some(format!("nobody is removed from {}: {why}. `doctor` names every such row", rooms.join(", ")))
}

/// Users with power that two subjects fold to: nothing of it is taken, whatever the sources say. Their names, and words.
pub(super) fn folded(world: &World) -> Vec<(String, String)> {
    let words = |(user, has): (_, String)| {
        let mxid = world.users.mxid(user);
        let text = format!(
            "two subjects fold to {mxid}, so nothing is concluded of them and nothing taken: they are {has}. Mend one of the \
             two, in the roster or the pool"
        );
        (mxid, text)
    };
    world.folded_with_power().into_iter().map(words).collect()
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{
        OnServer, POWER_LEVELS, Policy, RoomPolicy, RoomStatus, RosterRow, Selector, StateEntry, Unlisted, read_roster,
    };
    use serde_json::json;

    use super::*;

    fn world() -> World {
        let staff = Selector::Team("staff".to_owned());
        let room = RoomPolicy { unlisted: Unlisted::Remove, ..RoomPolicy::new("staff", "!r:a", vec![staff.clone()]) };
        let other = RoomPolicy::new("other", "!o:a", vec![Selector::Team("other".to_owned())]);
        let (server_name, bot) = ("a".to_owned(), "@bot:a".to_owned());
        World::new(Policy { server_name, bot, rooms: vec![room, other], ..Policy::default() })
    }

    fn take(world: &mut World, rows: &[(Option<&str>, &str)]) {
        let row = |(subject, team): &(Option<&str>, &str)| RosterRow {
            subject: subject.map(str::to_owned),
            team: Some((*team).to_owned()),
            role: Some("member".to_owned()),
        };
        world.set_roster(read_roster(rows.iter().map(row), "a", "@bot:a"));
    }

    #[test]
    fn rows_that_freeze_removals_are_told_with_the_rooms_that_they_freeze() {
        let mut world = world();
        take(&mut world, &[(Some("one"), "staff")]);
        assert_eq!(freezing(&world), None);
        take(&mut world, &[(Some("one"), "staff"), (None, "staff")]);
        let told = freezing(&world).unwrap();
        assert!(
            told.starts_with("nobody is removed from staff: a roster row of team \"staff\" has no subject"),
            "{told}"
        );
        take(&mut world, &[(None, "nobody asks for it")]);
        assert_eq!(freezing(&world), None, "it keeps nobody in");
    }

    #[test]
    fn somebody_whom_two_subjects_fold_to_is_told_of_where_they_have_power() {
        let mut world = world();
        let room = world.rooms().next().unwrap();
        world.set_room_status(room, RoomStatus::Ready);
        let levels = |users: serde_json::Value| StateEntry {
            content: json!({"users": users}),
            sender: "@x:a".to_owned(),
            event_id: "$e".to_owned(),
        };
        world.set_state(room, POWER_LEVELS, levels(json!({"@bot:a": 100})));
        take(&mut world, &[(Some("One"), "staff"), (Some("one"), "staff")]);
        assert_eq!(folded(&world), []);
        world.set_state(room, POWER_LEVELS, levels(json!({"@bot:a": 100, "@one:a": 50})));
        world.set_on_server("@one:a", OnServer { present: true, admin: true, ..OnServer::default() });
        let told = folded(&world);
        assert_eq!(told.len(), 1);
        assert!(told[0].1.starts_with("two subjects fold to @one:a"), "{told:?}");
        assert!(told[0].1.contains("they are a server admin, at level 50 in staff. Mend"), "{told:?}");
    }
}
