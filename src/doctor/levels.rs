//! Power levels as a room has them: who has which, and what which act needs.
//! <https://spec.matrix.org/v1.16/client-server-api/#mroompower_levels>

use std::collections::BTreeMap;

use provisioner_policy::room_version;
use serde_json::Value;

use crate::homeserver::StateEvent;

/// From this room version on creators stand above all levels.
const CREATORS_ABOVE_LEVELS: u32 = 12;

/// The level of a creator who stands above all levels.
pub(super) const ABOVE_ALL: i64 = i64::MAX;

/// The power levels of one room.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    /// The content of `m.room.power_levels`; null where there is none.
    content: Value,
    /// Those that the content does not name and whose level is another than the default.
    creators: BTreeMap<String, i64>,
}

impl Levels {
    /// From the room's create event and the content of its power levels, where it has any.
    pub(super) fn read(create: &StateEvent, power: Option<Value>) -> Self {
        let created = serde_json::from_str::<Value>(create.content.get()).unwrap_or_default();
        let content = power.unwrap_or_default();
        let creators = if room_version(&created).parse().is_ok_and(|version: u32| version >= CREATORS_ABOVE_LEVELS) {
            let others = created["additional_creators"].as_array().into_iter().flatten().filter_map(Value::as_str);
            others.chain([create.sender.as_str()]).map(|creator| (creator.to_owned(), ABOVE_ALL)).collect()
        } else if content.is_null() {
            let creator = created["creator"].as_str().unwrap_or(&create.sender);
            [(creator.to_owned(), 100)].into()
        } else {
            BTreeMap::new()
        };
        Self { content, creators }
    }

    /// The level of a user.
    pub(super) fn of(&self, user: &str) -> i64 {
        let named = || level(&self.content["users"][user]).or_else(|| level(&self.content["users_default"]));
        self.creators.get(user).copied().or_else(named).unwrap_or(0)
    }

    /// What one needs to invite.
    pub(super) fn to_invite(&self) -> i64 {
        level(&self.content["invite"]).unwrap_or(0)
    }

    /// What one needs to remove somebody.
    pub(super) fn to_kick(&self) -> i64 {
        level(&self.content["kick"]).unwrap_or(50)
    }

    /// What one needs to set state of this type.
    pub(super) fn to_set(&self, event_type: &str) -> i64 {
        let default = || level(&self.content["state_default"]).unwrap_or(if self.content.is_null() { 0 } else { 50 });
        level(&self.content["events"][event_type]).unwrap_or_else(default)
    }

    /// Everybody named who has this level or a higher one.
    pub(super) fn at_least(&self, least: i64) -> impl Iterator<Item = (&str, i64)> {
        let named = self.content["users"].as_object().into_iter().flatten();
        let named = named.filter_map(|(user, value)| Some((user.as_str(), level(value)?)));
        let creators = self.creators.iter().map(|(user, level)| (user.as_str(), *level));
        creators
            .chain(named.filter(|(user, _)| !self.creators.contains_key(*user)))
            .filter(move |(_, has)| *has >= least)
    }
}

/// Before room version 10 a level could be written as a text.
fn level(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::{json, value::to_raw_value};

    use super::*;

    fn event(content: &Value) -> StateEvent {
        let content = to_raw_value(content).unwrap();
        StateEvent { content, sender: "@maker:x".to_owned(), event_id: None, origin_server_ts: 0 }
    }

    fn levels(create: &Value, power: Option<Value>) -> Levels {
        Levels::read(&event(create), power)
    }

    #[test]
    fn a_user_has_their_own_level_or_the_default() {
        let levels = levels(
            &json!({ "room_version": "10" }),
            Some(json!({ "users": { "@a:x": 50, "@b:x": "60" }, "users_default": 5, "events": { "m.room.name": 40 } })),
        );
        assert_eq!(["@a:x", "@b:x", "@c:x", "@maker:x"].map(|user| levels.of(user)), [50, 60, 5, 5]);
        assert_eq!((levels.to_invite(), levels.to_kick()), (0, 50));
        assert_eq!((levels.to_set("m.room.name"), levels.to_set("m.room.topic")), (40, 50));
        assert_eq!(levels.at_least(55).collect::<Vec<_>>(), [("@b:x", 60)]);
    }

    #[test]
    fn without_power_levels_the_creator_alone_has_power_and_state_needs_none() {
        let levels = levels(&json!({ "room_version": "11" }), None);
        assert_eq!((levels.of("@maker:x"), levels.of("@a:x"), levels.to_set("m.room.name")), (100, 0, 0));
    }

    #[test]
    fn from_version_12_creators_are_above_all_and_before_they_are_not() {
        let create = json!({ "room_version": "12", "additional_creators": ["@second:x"] });
        let levels = levels(&create, Some(json!({ "users": { "@a:x": 100 } })));
        assert_eq!(["@maker:x", "@second:x", "@a:x"].map(|user| levels.of(user)), [ABOVE_ALL, ABOVE_ALL, 100]);
        assert_eq!(levels.at_least(100).count(), 3);
    }
}
