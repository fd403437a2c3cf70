//! Writing room state: one piece of content edited, everything else in it kept as it was.

use provisioner_policy::{PowerEdit, RoomIx, Setting, World};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::homeserver::{CallError, Homeserver, Outcome};

/// Sets one setting of a room.
pub(super) async fn set_setting(
    homeserver: &Homeserver,
    world: &World,
    room: RoomIx,
    setting: Setting,
    wanted: &str,
) -> Result<Outcome, CallError> {
    let (event_type, key) = setting.event();
    let id = &world.policy.rooms[room.index()].id;
    let mut content = read(homeserver, id, event_type).await?;
    content.insert(key.to_owned(), json!(wanted));
    // The topic in other formats would go on saying what it said.
    if setting == Setting::Topic {
        content.remove("m.topic");
    }
    homeserver.set_state(id, event_type, "", raw(&content)).await.map(|_| Outcome::Done)
}

/// Changes power levels in one event.
pub(super) async fn set_power_levels(
    homeserver: &Homeserver,
    world: &World,
    room: RoomIx,
    edits: &[PowerEdit],
) -> Result<Outcome, CallError> {
    let id = &world.policy.rooms[room.index()].id;
    let mut content = read(homeserver, id, "m.room.power_levels").await?;
    let users = content.entry("users").or_insert_with(|| json!({}));
    let Some(users) = users.as_object_mut() else {
        return Err(CallError::NotPermitted { message: "the room's power levels name no users".to_owned() });
    };
    for edit in edits {
        let mxid = world.users.mxid(edit.user);
        match edit.after {
            Some(level) => users.insert(mxid, json!(level)),
            None => users.remove(&mxid),
        };
    }
    homeserver.set_state(id, "m.room.power_levels", "", raw(&content)).await.map(|_| Outcome::Done)
}

/// The content of a state event as it is now, its unknown keys included; empty where there is none.
async fn read(homeserver: &Homeserver, room: &str, event_type: &str) -> Result<Map<String, Value>, CallError> {
    let event = homeserver.state_event(room, event_type, "").await?;
    let content = event.and_then(|event| serde_json::from_str(event.content.get()).ok());
    Ok(content.unwrap_or_default())
}

fn raw(content: &Map<String, Value>) -> Box<RawValue> {
    to_raw_value(content).expect("a map of JSON values is JSON")
}
