//! What the bot's level in a room keeps it from doing that is enforced there, and levels that cannot be read. Somebody who
//! lowers the bot, or sends such a level, stops the work in that room, and nothing else says so.

use provisioner_policy::{Mode, Obstacle, RoomIx, World, needs};

/// That the room's levels cannot be read where the policy decides about what they say, with the mend.
pub(crate) fn unreadable(world: &World, room: RoomIx) -> Option<String> {
    let (key, policy) = (room.key(world), &world.policy.rooms[room.index()]);
    let is_decided = policy.decides_levels() || policy.settings != Default::default();
    let is_unreadable = is_decided && world.room(room).levels().is_err();
    is_unreadable.then(|| {
        let why = Obstacle::Unreadable.text(world, Some(room), None);
        format!("neither levels nor settings of {key} are enforced: {why}")
    })
}

/// What the bot lacks in a room that was read, with the mend.
pub(crate) fn lacks(world: &World, room: RoomIx) -> Option<String> {
    let (key, mirror) = (room.key(world), world.room(room));
    let policy = &world.policy;
    // Levels that cannot be read are told of as such, and whether it lacks something is unknown meanwhile.
    let levels = mirror.levels().ok()?;
    let level = levels.of(&policy.bot);
    let needs = needs(&policy.rooms[room.index()], &policy.modes, &levels, mirror.join_rule()).into_iter();
    let lacking = needs.filter(|need| need.mode == Mode::Enforce && need.level > level);
    let lacking: Vec<String> = lacking.map(|need| format!("{} to {}", need.level, need.act)).collect();
    (!lacking.is_empty()).then(|| {
        format!(
            "the bot has level {level} in {key}, and needs {}: run `phenom-provisioner bootstrap`, or give it level 100 there \
             in a client",
            lacking.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{POWER_LEVELS, StateEntry, Unlisted};
    use serde_json::{Value, json};

    use super::*;
    use crate::reconcile::pushes::tests::world as small_world;

    #[test]
    fn a_level_that_cannot_be_read_is_told_of_where_the_policy_needs_it() {
        let (mut world, room) = small_world();
        let content = json!({"users": {"@eve:a": "much"}});
        let event = StateEntry { content, sender: "@eve:a".to_owned(), event_id: "$e".to_owned() };
        world.set_state(room, POWER_LEVELS, event);
        world.adjust(|policy| policy.rooms[room.index()].settings = Default::default());
        assert_eq!((unreadable(&world, room), lacks(&world, room)), (None, None));
        world.adjust(|policy| policy.rooms[room.index()].settings.name = Some("Staff".to_owned()));
        let text = unreadable(&world, room).unwrap();
        assert!(text.contains("the level of @eve:a is \"much\"") && text.contains("write them anew by hand"), "{text}");
    }

    #[test]
    fn a_bot_that_was_lowered_is_told_of_with_what_it_lacks_for_what_is_enforced() {
        let (mut world, room) = small_world();
        let bot = world.policy.bot.clone();
        let set = |world: &mut World, content: Value| {
            let event = StateEntry { content, sender: "@a:a".to_owned(), event_id: "$e".to_owned() };
            world.set_state(room, POWER_LEVELS, event);
        };
        world.adjust(|policy| policy.rooms[room.index()].unlisted = Unlisted::Remove);
        world.adjust(|policy| policy.modes.joins = Mode::Enforce);
        world.adjust(|policy| policy.modes.removals = Mode::Enforce);
        set(&mut world, json!({"users": {(bot.clone()): 100}, "invite": 50}));
        assert_eq!(lacks(&world, room), None);
        set(&mut world, json!({"users": {}, "invite": 30}));
        let text = lacks(&world, room).unwrap();
        let key = room.key(&world);
        let lead = format!("the bot has level 0 in {key}, and needs 30 to join people, 50 to remove people: run ");
        assert!(text.starts_with(&lead), "{text}");
        world.adjust(|policy| policy.modes.joins = Mode::Observe);
        world.adjust(|policy| policy.modes.removals = Mode::Observe);
        assert_eq!(lacks(&world, room), None, "what is only counted needs no power");
    }
}
