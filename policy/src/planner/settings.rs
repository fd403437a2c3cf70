//! Settings of a room: name, topic, join rule, history visibility, guest access. Only those given are enforced.

use crate::needs::Act;
use crate::obstacle::Obstacle;
use crate::plan::{Because, Blocked, Change, Kind, Plan};
use crate::policy::RoomIx;
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
        let mended = self.policy.rooms[room.index()].settings.join_rule.is_some();
        (rule == "private" && !mended).then(|| {
            format!(
                "room {} has the join rule \"private\", under which Synapse joins nobody: write join_rule = \"invite\" for it",
                room.key(self)
            )
        })
    }
}
