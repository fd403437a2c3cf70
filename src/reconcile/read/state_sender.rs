//! Who made a room's state what a reading found. Synapse tells the content of state safely, and not its sender: that is
//! known from a push, or asked for where it will be told: where a setting has drifted, and of a tombstone.

use std::collections::HashMap;

use provisioner_policy::{RoomIx, RoomSettings, Setting, StateEntry, World};
use serde_json::Value;

use crate::homeserver::Homeserver;

/// What is known of a room before it is read.
pub(crate) struct KnownState {
    state: HashMap<Box<str>, StateEntry>,
    pub(crate) settings: RoomSettings,
}

impl KnownState {
    pub(crate) fn of(world: &World, room: RoomIx) -> Self {
        Self {
            state: world.room(room).states().map(|(kind, event)| (kind.into(), event.clone())).collect(),
            settings: world.policy.rooms[room.index()].settings.clone(),
        }
    }

    fn has_drifted(&self, event_type: &str, content: &Value) -> bool {
        Setting::ALL.into_iter().any(|setting| {
            setting.event().0 == event_type
                && setting
                    .wanted(&self.settings)
                    .is_some_and(|wanted| !setting.is(setting.value(Some(content)), wanted))
        })
    }
}

/// The state with who made it so, as far as that is known or matters. It is asked for a sentence only: what is not answered
/// at once is not asked again while the state stays.
pub(crate) async fn of(
    homeserver: &Homeserver,
    room: &str,
    known: &KnownState,
    event_type: &str,
    content: Value,
) -> StateEntry {
    if let Some(event) = known.state.get(event_type).filter(|event| event.content == content) {
        return event.clone();
    }
    if (known.has_drifted(event_type, &content) || event_type == "m.room.tombstone")
        && let Ok(Some(newest)) = homeserver.newest_event(room, event_type).await
        && newest.content == content
    {
        let sender = newest.redacted_by().unwrap_or(&newest.sender).to_owned();
        return StateEntry { content, sender, event_id: newest.event_id };
    }
    StateEntry { content, sender: String::new(), event_id: String::new() }
}
