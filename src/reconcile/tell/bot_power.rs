//! What the bot's level in a room keeps it from doing that is enforced there. Somebody who lowers the bot stops the work in
//! that room, and nothing else says so.

use provisioner_policy::{Mode, POWER_LEVELS, RoomIx, RoomPolicy, Setting, Unlisted, World};

/// What the bot lacks in a room that was read, with the mend.
pub(crate) fn lacks(world: &World, room: RoomIx) -> Option<String> {
    let (key, mirror) = (room.key(world), world.room(room));
    let policy: &RoomPolicy = &world.policy.rooms[room.index()];
    let modes = &world.policy.modes;
    // Levels that cannot be read are told of as such.
    let levels = mirror.levels().ok()?;
    let level = levels.of(&world.policy.bot);
    let join_rule = mirror.content("m.room.join_rules").and_then(|content| content["join_rule"].as_str());
    let is_enforced = |mode: Mode| mode == Mode::Enforce;
    let mut needs = Vec::new();
    let mut need = |needed: i64, what: &str| {
        if needed > level {
            needs.push(format!("{needed} to {what}"));
        }
    };
    if is_enforced(modes.joins) && join_rule != Some("public") {
        need(levels.to_invite(), "join people");
    }
    if is_enforced(modes.removals) && policy.unlisted == Unlisted::Remove {
        need(levels.to_kick(), "remove people");
    }
    if is_enforced(modes.power_levels) && !policy.power.is_empty() {
        need(levels.to_send(POWER_LEVELS), "set power levels");
    }
    if is_enforced(modes.room_state) {
        for setting in Setting::ALL.into_iter().filter(|setting| setting.wanted(&policy.settings).is_some()) {
            need(levels.to_send(setting.event().0), &format!("set its {}", setting.key()));
        }
    }
    (!needs.is_empty()).then(|| {
        format!(
            "the bot has level {level} in {key}, and needs {}: run `phenom-provisioner bootstrap`, or give it level 100 there \
             in a client",
            needs.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use provisioner_policy::StateEntry;
    use serde_json::{Value, json};

    use super::*;
    use crate::reconcile::pushes::tests::world as small_world;

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
