//! Settings of a room: name, topic, join rule, history visibility, guest access. Only those given are enforced.

use crate::needs::Act;
use crate::obstacle::Obstacle;
use crate::plan::{Because, Blocked, Change, Kind, Plan};
use crate::policy::{Mode, RoomIx};
use crate::setting::Setting;
use crate::world::World;

pub(super) fn plan_settings(world: &World, room: RoomIx, plan: &mut Plan) {
    let settings = &world.policy.rooms[room.index()].settings;
    for (setting, wanted) in Setting::ALL.into_iter().filter_map(|one| Some((one, one.wanted(settings)?))) {
        let now = setting.value(world.room(room).content(setting.event().0));
        if setting.is(now, wanted) {
            continue;
        }
        match obstacle(world, room, setting, wanted) {
            None => {
                let change = Change::SetRoomState { room, setting, before: now.cloned(), after: wanted.to_owned() };
                plan.push(world, change, Because::Drifted(setting));
            }
            Some(obstacle) => {
                let because = Because::Obstacle(obstacle);
                plan.blocked.push(Blocked { kind: Kind::SetRoomState, room: Some(room), user: world.bot(), because });
            }
        }
    }
}

fn obstacle(world: &World, room: RoomIx, setting: Setting, wanted: &str) -> Option<Obstacle> {
    let mirror = world.room(room);
    let needs = setting.needs_version(wanted);
    if mirror.version_number().is_some_and(|version| version < needs) {
        return Some(Obstacle::RoomTooOld { setting, needs });
    }
    let Ok(levels) = mirror.levels() else { return Some(Obstacle::Unreadable) };
    let event_type = setting.event().0;
    let (bot, needed) = (levels.of(&world.policy.bot), Act::Set(setting).takes(&levels));
    (bot < needed).then_some(Obstacle::BotLacks { event_type, needed, bot })
}

impl World {
    /// A join rule under which nobody can be joined, where no policy mends it.
    pub(crate) fn join_rule_notice(&self, room: RoomIx) -> Option<String> {
        let (event_type, key) = Setting::JoinRule.event();
        let rule = self.room(room).content(event_type)?.get(key)?.as_str()?;
        let enforced = self.policy.modes.room_state == Mode::Enforce;
        let mend = match &self.policy.rooms[room.index()].settings.join_rule {
            None => "write join_rule = \"invite\" for it",
            Some(_) if !enforced => "set room_state = \"enforce\" under [modes], or set its join rule by hand",
            Some(wanted) if obstacle(self, room, Setting::JoinRule, wanted).is_some() => {
                "mend what is blocked there, or set its join rule by hand"
            }
            Some(_) => return None,
        };
        (rule == "private").then(|| {
            format!("room {} has the join rule \"private\", under which Synapse joins nobody: {mend}", room.key(self))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mirror::StateEntry;
    use crate::policy::{Modes, Policy, RoomPolicy, Unlisted};
    use crate::setting::RoomSettings;

    fn told(join_rule: Option<&str>, room_state: Mode, bot_level: i64) -> Option<String> {
        let room = RoomPolicy {
            unlisted: Unlisted::Keep,
            settings: RoomSettings { join_rule: join_rule.map(str::to_owned), ..RoomSettings::default() },
            ..RoomPolicy::new("staff", "!r:a", vec![])
        };
        let modes = Modes { room_state, ..Modes::default() };
        let mut world = World::new(Policy { bot: "@b:a".into(), rooms: vec![room], modes, ..Policy::default() });
        let room = world.room_by_key("staff")?;
        let levels = json!({"users": {"@b:a": bot_level}, "state_default": 50});
        for (kind, content) in [("m.room.power_levels", levels), ("m.room.join_rules", json!({"join_rule": "private"}))]
        {
            world.set_state(room, kind, StateEntry { content, sender: String::new(), event_id: String::new() });
        }
        world.join_rule_notice(room)
    }

    #[test]
    fn a_private_room_is_told_of_unless_it_is_mended() {
        assert_eq!(told(Some("invite"), Mode::Enforce, 50), None);
        for (join_rule, mode, level, mend) in [
            (None, Mode::Enforce, 50, "write join_rule"),
            (Some("invite"), Mode::Observe, 50, "room_state = \"enforce\""),
            (Some("invite"), Mode::Enforce, 0, "what is blocked"),
        ] {
            assert!(told(join_rule, mode, level).is_some_and(|notice| notice.contains(mend)), "{mend}");
        }
    }
}
