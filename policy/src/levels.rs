//! Power levels of a room, as its state says them and as Synapse reads them. Nothing is changed here.

use serde_json::{Map, Value};

use crate::level_number::number;
use crate::room_level::RoomLevel;

/// The event that holds them.
pub const POWER_LEVELS: &str = "m.room.power_levels";

/// The level of a creator in room version 12 and later: above every integer that Matrix's canonical JSON can hold, and what
/// Synapse counts with.
pub const ABOVE_ALL: i64 = 1 << 53;

/// The first room version whose creators stand above all levels and are never listed.
/// <https://spec.matrix.org/v1.16/rooms/v12/>
const CREATORS_ABOVE_ALL: u32 = 12;

/// What the versions are called in which that was tried out before (MSC4289): `org.matrix.hydra.11` in Synapse.
const TRIED_OUT: &str = "org.matrix.hydra.";

/// Whether creators stand above all levels in rooms of this version.
pub fn creators_stand_above_all(version: &str) -> bool {
    version.starts_with(TRIED_OUT) || version.parse().is_ok_and(|version: u32| version >= CREATORS_ABOVE_ALL)
}

/// The room version that the content of a create event says; empty where that is no text.
/// <https://spec.matrix.org/v1.16/client-server-api/#mroomcreate>: without one it is the first.
pub fn room_version(create: &Value) -> &str {
    create.get("room_version").map_or("1", |version| version.as_str().unwrap_or_default())
}

/// The levels of a room beside those of users and of types of events.
pub(crate) const NAMED: [&str; 7] =
    ["users_default", "events_default", "state_default", "ban", "kick", "redact", "invite"];

/// Who made a room, and what that is worth in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Creators<'a> {
    /// Of a room before version 12: level 100 for as long as there are no power levels, and nothing beside.
    founder: Option<&'a str>,
    /// Of a room of version 12 or later.
    above_all: Vec<&'a str>,
}

impl<'a> Creators<'a> {
    /// From the room's version, the content of its create event, and who sent that.
    pub fn of(version: &str, create: &'a Value, sender: &'a str) -> Self {
        if !creators_stand_above_all(version) {
            return Self { founder: Some(sender), above_all: Vec::new() };
        }
        let additional = create["additional_creators"].as_array().into_iter().flatten();
        let above_all = std::iter::once(sender).chain(additional.filter_map(Value::as_str)).collect();
        Self { founder: None, above_all }
    }

    /// Power levels that say what a room without any means, so that writing the first takes nothing from its creator.
    pub(crate) fn implied(&self) -> Value {
        let users: Map<String, Value> =
            self.founder.iter().map(|founder| ((*founder).to_owned(), 100.into())).collect();
        serde_json::json!({ "users": users })
    }
}

/// Power levels that could be read.
#[derive(Clone, Debug)]
pub struct Levels<'a> {
    /// Nothing where the room has no power levels at all.
    content: Option<&'a Map<String, Value>>,
    users: Option<&'a Map<String, Value>>,
    creators: Creators<'a>,
}

impl<'a> Levels<'a> {
    /// Reads the content of a power-levels event. Every level in it that could matter must be a number, or an error says
    /// which is not.
    pub fn read(content: Option<&'a Value>, creators: Creators<'a>) -> Result<Self, String> {
        let Some(content) = content else {
            return Ok(Self { content: None, users: None, creators });
        };
        let content = content.as_object().ok_or("the content is not an object")?;
        let users = match content.get("users") {
            None => None,
            Some(users) => Some(users.as_object().ok_or("users is not an object")?),
        };
        let named = NAMED.map(|key| content.get_key_value(key));
        let events = content.get("events").and_then(Value::as_object).into_iter().flatten();
        for (key, value) in named.into_iter().flatten().chain(events).chain(users.into_iter().flatten()) {
            number(value).ok_or_else(|| format!("the level of {key} is {value}"))?;
        }
        Ok(Self { content: Some(content), users, creators })
    }

    /// The level of a user, however they come by it.
    pub fn of(&self, mxid: &str) -> i64 {
        self.own(mxid).unwrap_or_else(|| self.default_level())
    }

    /// The level that the user has whatever the default is; nothing where the default is all they have.
    pub(crate) fn own(&self, mxid: &str) -> Option<i64> {
        let founds = self.content.is_none() && self.creators.founder == Some(mxid);
        let above_all = || self.is_above_all(mxid).then_some(ABOVE_ALL);
        founds.then_some(100).or_else(above_all).or_else(|| self.explicit(mxid))
    }

    /// Whether the user is a creator of a room whose creators no level binds.
    pub fn is_above_all(&self, mxid: &str) -> bool {
        self.creators.above_all.contains(&mxid)
    }

    /// The level that the room gives this user by name.
    pub fn explicit(&self, mxid: &str) -> Option<i64> {
        self.users?.get(mxid).and_then(number)
    }

    /// The level of everybody who is not named.
    pub fn default_level(&self) -> i64 {
        self.named("users_default").unwrap_or(0)
    }

    /// Who is named, with their levels. Names that are no user ids give power to nobody.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, i64)> + use<'a> {
        let users = self.users.into_iter().flatten();
        users
            .filter_map(|(mxid, level)| Some((mxid.as_str(), number(level)?)))
            .filter(|(mxid, _)| mxid.starts_with('@'))
    }

    /// Everybody with this level or a higher one, as far as they are named or creators.
    pub fn at_least(&self, least: i64) -> Vec<(&'a str, i64)> {
        let creators = self.creators.above_all.iter().map(|creator| (*creator, ABOVE_ALL));
        let founder = self.creators.founder.filter(|_| self.content.is_none()).map(|founder| (founder, 100));
        let named = self.entries().filter(|(mxid, _)| !self.is_above_all(mxid));
        creators.chain(founder).chain(named).filter(|(_, level)| *level >= least).collect()
    }

    /// Everybody at or above the bot's own level: it can take nothing from them. The exempt may have what they have.
    pub fn rivals(&self, bot: &str, exempt: &[String]) -> Vec<(&'a str, i64)> {
        let mut found = self.at_least(self.of(bot));
        found.retain(|(user, _)| *user != bot && !exempt.iter().any(|exempt| exempt == user));
        found
    }

    /// The level that sending this type of state takes.
    pub fn to_send(&self, event_type: &str) -> i64 {
        let Some(content) = self.content else { return 0 };
        let of_type = content.get("events").and_then(|events| events.get(event_type)).and_then(number);
        of_type.or_else(|| self.named("state_default")).unwrap_or(50)
    }

    /// The level that the room asks for; nothing where it says nothing of that type of events.
    pub fn of_room(&self, level: &RoomLevel) -> Option<i64> {
        level.level(self.content)
    }

    /// The level that removing somebody takes.
    pub fn to_kick(&self) -> i64 {
        self.named("kick").unwrap_or(50)
    }

    /// The level that banning somebody takes.
    pub fn to_ban(&self) -> i64 {
        self.named("ban").unwrap_or(50)
    }

    /// The level that inviting, and so joining, somebody takes.
    pub fn to_invite(&self) -> i64 {
        self.named("invite").unwrap_or(0)
    }

    fn named(&self, key: &str) -> Option<i64> {
        self.content?.get(key).and_then(number)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mirror::{RoomMirror, StateEntry};

    fn room(version: &str, levels: Option<Value>) -> RoomMirror {
        let mut room = RoomMirror::default();
        version.clone_into(&mut room.version);
        let event = |content| StateEntry { content, sender: "@maker:a".to_owned(), event_id: "$e".to_owned() };
        let create = event(json!({"additional_creators": ["@second:a"]}));
        room.set_state("m.room.create", create);
        if let Some(levels) = levels {
            room.set_state(POWER_LEVELS, event(levels));
        }
        room
    }

    #[test]
    fn levels_are_read_from_numbers_and_from_text() {
        let room = room("5", Some(json!({"users": {"@a:a": "5_0", "@b:a": 7.9, "junk": 9}, "users_default": "１"})));
        let levels = room.levels().unwrap();
        assert_eq!([levels.of("@a:a"), levels.of("@b:a"), levels.of("@c:a"), levels.of("@maker:a")], [50, 7, 1, 1]);
        assert_eq!(levels.entries().count(), 2);
        assert_eq!([levels.to_send("m.room.name"), levels.to_kick(), levels.to_invite()], [50, 50, 0]);
    }

    #[test]
    fn creators_stand_above_all_levels_from_version_12_on() {
        let levels = |version| room(version, Some(json!({"users": {}}))).levels().unwrap().of("@second:a");
        assert_eq!((levels("12"), levels("11"), levels("org.matrix.msc3757.11")), (ABOVE_ALL, 0, 0));
        assert_eq!(levels("org.matrix.hydra.11"), ABOVE_ALL, "Synapse refuses them in `users` there, too");
    }

    #[test]
    fn a_room_without_levels_has_its_creator_at_100() {
        let (old, new) = (room("10", None), room("12", None));
        assert_eq!(old.levels().unwrap().of("@maker:a"), 100);
        assert_eq!(old.levels().unwrap().to_send("m.room.name"), 0);
        assert_eq!(old.creators().implied(), json!({"users": {"@maker:a": 100}}));
        assert_eq!(new.creators().implied(), json!({"users": {}}));
    }

    #[test]
    fn those_with_a_level_or_more_are_the_named_and_the_creators() {
        let content = json!({"users": {"@a:a": 100, "@b:a": "60", "@maker:a": 5}});
        let at_least = |room: RoomMirror, least: i64| {
            let levels = room.levels().unwrap();
            levels.at_least(least).into_iter().map(|(mxid, level)| (mxid.to_owned(), level)).collect::<Vec<_>>()
        };
        let is =
            |found: &[(&str, i64)]| found.iter().map(|(mxid, level)| ((*mxid).to_owned(), *level)).collect::<Vec<_>>();
        assert_eq!(at_least(room("11", Some(content.clone())), 60), is(&[("@a:a", 100), ("@b:a", 60)]));
        let above_all = [("@maker:a", ABOVE_ALL), ("@second:a", ABOVE_ALL), ("@a:a", 100)];
        assert_eq!(at_least(room("12", Some(content)), 100), is(&above_all));
        assert_eq!(at_least(room("11", None), 100), is(&[("@maker:a", 100)]));
    }

    #[test]
    fn what_cannot_be_read_says_what_it_is() {
        let unreadable = |levels| room("5", Some(levels)).levels().unwrap_err();
        assert_eq!(unreadable(json!({"users": []})), "users is not an object");
        assert_eq!(unreadable(json!(null)), "the content is not an object");
        assert_eq!(unreadable(json!({"users": {"@a:a": "much"}})), "the level of @a:a is \"much\"");
        assert_eq!(unreadable(json!({"events": {"m.room.name": null}})), "the level of m.room.name is null");
        assert_eq!(
            unreadable(json!({"ban": [50]})),
            "the level of ban is [50]",
            "Synapse takes no event with it from us"
        );
    }
}
