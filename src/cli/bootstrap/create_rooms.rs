//! `bootstrap --create-rooms`: makes the configured rooms that have no id, each once, and prints their ids for the file.
//!
//! A room that was made before is found by its mark and never made again. Before a room is made, a note of it goes to
//! Synapse, so that a run after an interrupted one waits for what Synapse may still be doing.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use provisioner_policy::{RoomLevel, RoomPolicy, Setting, creators_stand_above_all};
use serde_json::{Map, Value, json};

use super::print;
use crate::app::Context;
use crate::causes::told;
use crate::config::RoomSection;
use crate::homeserver::{CallError, Homeserver, MadeRoom, NewRoom, RoomVersions};

/// Synapse finishes a request although its caller is gone. Making a room takes it a moment: a room that is not there after so
/// long was never begun, or was cut off.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// The bot's level in a room that it made, where creators do not stand above all levels.
const BOT_LEVEL: i64 = 100;

/// How often to look for a room that may be under way.
const LOOK: Duration = Duration::from_millis(500);

/// Makes and finds the rooms without an id, and prints the lines for the file. False when one could be neither made nor found.
pub(super) async fn create(homeserver: &Homeserver, context: &Context, version: Option<&str>) -> Result<bool> {
    let rooms: Vec<&RoomSection> = context.config.rooms.iter().filter(|room| room.id.is_none()).collect();
    if rooms.is_empty() {
        print::line("every configured room has its id: there is none to make");
        return Ok(true);
    }
    let versions = homeserver.room_versions().await.context("ask Synapse for its room versions")?;
    let version = checked(version, &versions)?;
    let noted = homeserver.rooms_being_made().await.context("look for what an earlier run began")?;
    let mut maker = Maker { homeserver, environment: &context.config.environment, version, noted };
    let (mut lines, mut complete) = (String::new(), true);
    for room in rooms {
        match maker.find_or_make(room).await {
            Ok(id) => lines.push_str(&format!("\n[[rooms]]\nkey = \"{}\"\nid = \"{id}\"\n", room.key)),
            Err(error) => {
                complete = false;
                print::error(format_args!("{}: {}", room.key, told(error.as_ref())));
            }
        }
    }
    if !lines.is_empty() {
        print::text(&format!("\nput each id under the key of its room in {}:\n{lines}", context.location));
    }
    Ok(complete)
}

/// The version of the rooms to make.
fn checked(wanted: Option<&str>, versions: &RoomVersions) -> Result<String> {
    let version = wanted.unwrap_or(&versions.default);
    if wanted.is_some() && !versions.stable.iter().any(|stable| stable == version) {
        bail!(
            "this Synapse makes no rooms of version {version}; it makes {}. Leave --room-version out for its default, {}",
            versions.stable.join(", "),
            versions.default
        );
    }
    Ok(version.to_owned())
}

struct Maker<'a> {
    homeserver: &'a Homeserver,
    environment: &'a str,
    version: String,
    /// What an earlier run began, and this one.
    noted: BTreeMap<String, u64>,
}

impl Maker<'_> {
    async fn find_or_make(&mut self, room: &RoomSection) -> Result<String> {
        let key = room.key.as_str();
        if let Some(found) = self.find(key).await.context("look at the rooms that the bot made before")? {
            self.forget(key).await;
            return usable(found);
        }
        refuse_lock_out(room, &self.version)?;
        self.noted.insert(key.to_owned(), now());
        self.homeserver.note_rooms_being_made(&self.noted).await.context("note that the room is being made")?;
        let wanted = new_room(room, &self.version, self.homeserver.user_id());
        match self.homeserver.make_room(self.environment, key, wanted).await {
            Err(error) if may_be_under_way(&error) => Err(error)
                .context("whether the room was made is not known; run this again, it finds the room if it was"),
            ended => {
                self.forget(key).await;
                let id = ended.context("make the room")?;
                print::line(format_args!("{key}: made {id}, of room version {}", self.version));
                Ok(id)
            }
        }
    }

    /// Removes the note. Where that fails, a later run waits a minute at the worst.
    async fn forget(&mut self, key: &str) {
        if self.noted.remove(key).is_some() {
            let _ = self.homeserver.note_rooms_being_made(&self.noted).await;
        }
    }

    /// The room made for this key before, waiting for it where an earlier run may have been interrupted just now.
    async fn find(&self, key: &str) -> Result<Option<MadeRoom>, CallError> {
        let since = self.noted.get(key).copied();
        if since.is_some_and(is_recent) {
            print::line(format_args!("{key}: an earlier run was interrupted while it made this room; looking for it"));
        }
        loop {
            let made = self.homeserver.made_rooms(self.environment).await?;
            let mut whole = made.into_iter().filter(|room| room.key == key && room.whole);
            if let Some(oldest) = whole.next() {
                for other in whole {
                    print::note(format_args!(
                        "warning: {key}: {} was made for this key too, after {}",
                        other.room_id, oldest.room_id
                    ));
                }
                return Ok(Some(oldest));
            }
            if !since.is_some_and(is_recent) {
                return Ok(None);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn usable(room: MadeRoom) -> Result<String> {
    let MadeRoom { room_id, key, version, replaced_by, .. } = room;
    if let Some(successor) = replaced_by {
        bail!(
            "{room_id}, made for it before, was replaced by {successor:?}: put in the id of the room that is used now"
        );
    }
    print::line(format_args!("{key}: {room_id} was made before, of room version {version}"));
    Ok(room_id)
}

/// The room with its settings and levels, and the bot above every level that the configuration can grant (at most 99).
fn new_room(room: &RoomSection, version: &str, bot: &str) -> NewRoom {
    let RoomPolicy { settings, levels, .. } = room.policy();
    let initial_state = Setting::ALL.into_iter().filter_map(|setting| {
        let (event_type, key) = setting.event();
        Some((event_type.to_owned(), json!({ key: setting.wanted(&settings)? })))
    });
    NewRoom {
        version: Some(version.to_owned()),
        public: room.join_rule.as_deref() == Some("public"),
        power_levels: Some(power_levels(&levels, version, bot).into()),
        initial_state: initial_state.collect(),
        creation_content: [("m.federate".to_owned(), room.federate.into())].into_iter().collect(),
    }
}

/// What is said otherwise than Synapse does of the levels of a new room. It takes each key whole, so the types of events
/// that it protects by itself are said again beside others: the levels are those of both versions of Synapse.
fn power_levels(levels: &[(RoomLevel, i64)], version: &str, bot: &str) -> Map<String, Value> {
    let above_all = creators_stand_above_all(version);
    let mut content = Map::new();
    content.insert("users".to_owned(), if above_all { json!({}) } else { json!({ bot: BOT_LEVEL }) });
    if levels.iter().any(|(level, _)| matches!(level, RoomLevel::Event(_))) {
        let protected = json!({
            "m.room.name": 50,
            "m.room.avatar": 50,
            "m.room.canonical_alias": 50,
            "m.room.history_visibility": 100,
            "m.room.power_levels": 100,
            "m.room.server_acl": 100,
            "m.room.encryption": 100,
            "m.room.tombstone": if above_all { 150 } else { 100 },
        });
        content.insert("events".to_owned(), protected);
    }
    levels.iter().for_each(|(of, level)| of.set(&mut content, *level));
    content
}

/// What the new room could not be repaired from: a level above that of the bot, which nobody could set back.
fn refuse_lock_out(room: &RoomSection, version: &str) -> Result<()> {
    let levels = room.policy().levels;
    if let Some((of, level)) = levels.iter().find(|(_, level)| *level > BOT_LEVEL && !creators_stand_above_all(version))
    {
        bail!(
            "levels has {} = {level}, and the bot has {BOT_LEVEL} in a new room of version {version}: write {BOT_LEVEL} or less",
            of.name()
        );
    }
    Ok(())
}

/// Whether Synapse may be making the room although the answer says otherwise, or did not come.
fn may_be_under_way(error: &CallError) -> bool {
    error.is_transport() || matches!(error, CallError::ServerError { .. } | CallError::Unreadable(_))
}

/// A note from the future comes from a wrong clock and says nothing.
fn is_recent(since: u64) -> bool {
    now().checked_sub(since).is_some_and(|age| u128::from(age) < UNDER_WAY.as_millis())
}

/// Milliseconds since the Unix epoch.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions() -> RoomVersions {
        RoomVersions { default: "10".to_owned(), stable: ["9", "10", "11"].map(str::to_owned).to_vec() }
    }

    #[test]
    fn an_unknown_room_version_is_refused_with_those_there_are() {
        assert_eq!(checked(None, &versions()).unwrap(), "10");
        assert_eq!(checked(Some("11"), &versions()).unwrap(), "11");
        let refused = checked(Some("12"), &versions()).unwrap_err().to_string();
        assert!(refused.contains("version 12; it makes 9, 10, 11.") && refused.contains("default, 10"), "{refused}");
    }

    #[test]
    fn the_bot_is_named_among_the_users_only_where_creators_are_not_above_all_levels() {
        let room: RoomSection = serde_json::from_value(json!({ "key": "k", "members": ["everyone"] })).unwrap();
        let users = |version: &str| new_room(&room, version, "@bot:x").power_levels.unwrap()["users"].clone();
        assert_eq!(users("11"), json!({ "@bot:x": 100 }));
        assert_eq!(users("12"), json!({}));
    }

    #[test]
    fn a_new_room_is_for_this_server_alone_unless_the_file_says_otherwise() {
        let federates = |room: serde_json::Value| {
            let room: RoomSection = serde_json::from_value(room).unwrap();
            new_room(&room, "11", "@bot:x").creation_content["m.federate"].clone()
        };
        assert_eq!(federates(json!({ "key": "k", "members": ["everyone"] })), false);
        assert_eq!(federates(json!({ "key": "k", "members": ["everyone"], "federate": true })), true);
    }

    #[test]
    fn a_new_room_has_the_levels_of_the_file_beside_what_synapse_protects() {
        let room = |levels: serde_json::Value| -> RoomSection {
            serde_json::from_value(json!({ "key": "k", "members": ["everyone"], "levels": levels })).unwrap()
        };
        let wanted = room(json!({ "invite": 100, "events": { "org.example.x": 10, "m.room.name": 90 } }));
        let levels = new_room(&wanted, "11", "@bot:x").power_levels.unwrap();
        assert_eq!((&levels["invite"], levels.get("kick")), (&json!(100), None));
        let events = ["org.example.x", "m.room.name", "m.room.power_levels", "m.room.tombstone"];
        assert_eq!(events.map(|kind| levels["events"][kind].as_i64()), [Some(10), Some(90), Some(100), Some(100)]);
        let levels = new_room(&wanted, "12", "@bot:x").power_levels.unwrap();
        assert_eq!((&levels["users"], &levels["events"]["m.room.tombstone"]), (&json!({}), &json!(150)));
        let levels = new_room(&room(json!({ "kick": 60 })), "11", "@bot:x").power_levels.unwrap();
        assert_eq!(levels, json!({ "users": { "@bot:x": 100 }, "kick": 60 }), "Synapse says the rest");
    }

    #[test]
    fn a_room_that_the_bot_could_not_repair_is_not_made() {
        let room = json!({ "key": "k", "members": ["everyone"], "levels": { "ban": 101 } });
        let room: RoomSection = serde_json::from_value(room).unwrap();
        let refused = refuse_lock_out(&room, "11").unwrap_err().to_string();
        assert!(refused.contains("ban = 101") && refused.contains("write 100 or less"), "{refused}");
        assert!(refuse_lock_out(&room, "12").is_ok(), "its creator stands above all levels");
    }

    #[test]
    fn only_a_note_of_the_last_minute_is_waited_for() {
        assert!(is_recent(now() - 1000));
        assert!(!is_recent(now() - 61_000) && !is_recent(now() + 10_000));
    }
}
