//! Rooms that the bot made for this service: the mark by which they are found again, and the note that one is being made.
//!
//! The mark stands in the content of `m.room.create`, the room's first event: there is no moment at which the room is
//! there without it, and nobody can change or redact it. Neither an alias nor a name ever finds a room.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::instrument;

use super::{
    CallError, Homeserver, NewRoom,
    answer::found,
    requests::{PathSegment, server, users},
};

/// The key of the mark in the create event.
const MARK: &str = "io.phenom.provisioner";

/// The type of the bot's account data that notes which rooms are being made.
const NOTE: &str = "io.phenom.provisioner.creating";

/// Rooms looked at together. The bot is in a handful of rooms, but nothing keeps people from inviting it to more.
const AT_ONCE: usize = 8;

/// Which room versions this Synapse makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomVersions {
    pub default: String,
    /// Those meant for use, experiments left out.
    pub stable: Vec<String>,
}

/// A room that the bot made for a configured one, and is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeRoom {
    pub room_id: String,
    /// The key of the configured room.
    pub key: String,
    /// The room version.
    pub version: String,
    /// Milliseconds since the Unix epoch, by Synapse's clock.
    pub made_at: i64,
    /// The room that replaced it, empty where the tombstone names none.
    pub replaced_by: Option<String>,
    /// Whether Synapse got as far as its power levels and settings, which it writes together. One that stays without them
    /// was cut off, and is of no use.
    pub whole: bool,
}

#[derive(Debug, Deserialize)]
struct Mark {
    environment: String,
    key: String,
}

impl Homeserver {
    /// Which room versions there are.
    #[instrument(name = "homeserver.room_versions", skip_all)]
    pub async fn room_versions(&self) -> Result<RoomVersions, CallError> {
        let answer = self.call("capabilities", server::capabilities::Request {}).await?;
        let versions = answer.body.capabilities.room_versions;
        let mut stable: Vec<String> =
            versions.available.into_iter().filter(|(_, kind)| kind == "stable").map(|(version, _)| version).collect();
        stable.sort_by_key(|version| (version.parse().unwrap_or(u32::MAX), version.clone()));
        Ok(RoomVersions { default: versions.default, stable })
    }

    /// Makes a room that [`Self::made_rooms`] finds again by `environment` and `key`.
    pub async fn make_room(&self, environment: &str, key: &str, mut room: NewRoom) -> Result<String, CallError> {
        room.creation_content.insert(MARK.to_owned(), json!({ "environment": environment, "key": key }));
        self.create_room(room).await
    }

    /// The rooms that the bot made for `environment` and is in, the oldest first. One that cannot be read is an error: it
    /// might be the one that is looked for.
    #[instrument(name = "homeserver.made_rooms", skip_all)]
    pub async fn made_rooms(&self, environment: &str) -> Result<Vec<MadeRoom>, CallError> {
        let joined = self.joined_rooms().await?;
        let mut made: Vec<MadeRoom> = stream::iter(joined)
            .map(|room| self.made_room(room, environment))
            .buffer_unordered(AT_ONCE)
            .try_filter_map(async |room| Ok(room))
            .try_collect()
            .await?;
        made.sort_by(|a, b| (a.made_at, &a.room_id).cmp(&(b.made_at, &b.room_id)));
        Ok(made)
    }

    async fn made_room(&self, room_id: String, environment: &str) -> Result<Option<MadeRoom>, CallError> {
        let Some(create) = self.state_event(&room_id, "m.room.create").await? else { return Ok(None) };
        let content: Value = serde_json::from_str(create.content.get()).unwrap_or_default();
        let Ok(Mark { environment: its, key }) = Mark::deserialize(&content[MARK]) else { return Ok(None) };
        // Anybody can write the mark into a room of their own and invite the bot.
        if create.sender != self.user_id() || its != environment {
            return Ok(None);
        }
        let whole = self.state_content(&room_id, "m.room.power_levels", "").await?.is_some();
        let tombstone = self.state_content(&room_id, "m.room.tombstone", "").await?;
        Ok(Some(MadeRoom {
            key,
            version: content["room_version"].as_str().unwrap_or("1").to_owned(),
            made_at: create.origin_server_ts,
            replaced_by: tombstone.map(|content| content["replacement_room"].as_str().unwrap_or_default().to_owned()),
            whole,
            room_id,
        }))
    }

    /// Which rooms, by key, were being made when that was last noted, and since when: milliseconds since the Unix epoch, by
    /// the clock of the machine that noted it.
    #[instrument(name = "homeserver.rooms_being_made", skip_all)]
    pub async fn rooms_being_made(&self) -> Result<BTreeMap<String, u64>, CallError> {
        let (user, kind) = self.note();
        let request = users::account_data::Request { user, kind };
        let answer = found(self.call("account_data", request).await)?;
        Ok(answer.map(|answer| BTreeMap::deserialize(&answer.body["rooms"]).unwrap_or_default()).unwrap_or_default())
    }

    /// Notes which rooms are being made, on the bot's own account: it is there even if this process ends the next moment.
    #[instrument(name = "homeserver.note_rooms_being_made", skip_all)]
    pub async fn note_rooms_being_made(&self, rooms: &BTreeMap<String, u64>) -> Result<(), CallError> {
        let (user, kind) = self.note();
        let request = users::set_account_data::Request { user, kind, body: json!({ "rooms": rooms }) };
        self.call("set_account_data", request).await?;
        Ok(())
    }

    fn note(&self) -> (PathSegment, PathSegment) {
        (PathSegment(self.user_id().to_owned()), PathSegment(NOTE.to_owned()))
    }
}
