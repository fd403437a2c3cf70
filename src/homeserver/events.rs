//! What happened: single events of a room, as far as the bot may see them. Nothing here changes anything.

use serde::Deserialize;
use serde_json::Value;
use tracing::instrument;

use super::{
    CallError, Homeserver,
    answer::{CallFailure, found},
    lenient,
    read::unexpected,
    requests::{
        PathSegment,
        rooms::{self, EventAnswer},
    },
    room_segment,
};
use crate::objects::object;

/// One membership of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipEvent {
    /// `invite`, `join`, `leave`, `ban` or `knock`.
    pub membership: String,
    pub sender: String,
    /// The event before it, if it was not the first.
    pub replaces: Option<String>,
}

/// What an event is, as far as the bot may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeenEvent {
    Message,
    State {
        kind: String,
        key: String,
    },
    /// There is none, or it is from before the bot could see the room.
    Unseen,
}

/// An event with its sender, and the sender of its redaction.
#[derive(Clone, Debug, Deserialize)]
pub struct NewestEvent {
    pub event_id: String,
    pub sender: String,
    #[serde(deserialize_with = "lenient::any")]
    pub content: Value,
    /// Milliseconds since the Unix epoch, by the sender's server; 0 where it is not told.
    #[serde(default)]
    pub origin_server_ts: i64,
    #[serde(default, deserialize_with = "lenient::any")]
    unsigned: Value,
}

/// What matters of a membership event's content, and of what Synapse adds to it.
#[derive(Deserialize)]
struct JustMembership {
    membership: String,
}

#[derive(Deserialize)]
struct JustReplaced {
    replaces_state: String,
}

impl NewestEvent {
    /// Who redacted it, if somebody did.
    pub fn redacted_by(&self) -> Option<&str> {
        self.unsigned["redacted_because"]["sender"].as_str()
    }
}

impl Homeserver {
    /// The newest event of a type in a room. Cheap where it is new: Synapse searches the room backwards, and is given two
    /// seconds.
    #[instrument(name = "homeserver.newest_event", skip_all, fields(room.id = %room, event.kind = %kind))]
    pub async fn newest_event(&self, room: &str, kind: &str) -> Result<Option<NewestEvent>, CallError> {
        let filter = serde_json::json!({ "types": [kind] }).to_string();
        let request = rooms::messages::Request { room: room_segment(room)?, dir: "b".to_owned(), limit: 1, filter };
        Ok(self.aside("newest_event", request).await?.body.chunk.into_iter().next())
    }

    /// The bot's own event of a type whose content `is_it` accepts, among its newest hundred in the room.
    #[instrument(name = "homeserver.own_event", skip_all, fields(room.id = %room, event.kind = %kind))]
    pub async fn own_event(
        &self,
        room: &str,
        kind: &str,
        is_it: impl Fn(&Value) -> bool,
    ) -> Result<Option<String>, CallError> {
        let filter = serde_json::json!({ "types": [kind], "senders": [self.user_id()] }).to_string();
        let request = rooms::messages::Request { room: room_segment(room)?, dir: "b".to_owned(), limit: 100, filter };
        let events = self.call("own_event", request).await?.body.chunk;
        Ok(events.into_iter().find(|event| is_it(&event.content)).map(|event| event.event_id))
    }

    /// The sender and the content of any event of a room that the bot may see.
    #[instrument(name = "homeserver.sent_event", skip_all, fields(room.id = %room, event.id = %event))]
    pub async fn sent_event(&self, room: &str, event: &str) -> Result<(String, Value), CallError> {
        let EventAnswer { sender, content, .. } = self.event(room_segment(room)?, event).await?;
        let content = serde_json::from_str(content.get());
        Ok((sender, content.map_err(|error| unexpected(format!("an event that cannot be read: {error}")))?))
    }

    /// A membership event, or `None` where the bot cannot see one of this id.
    #[instrument(name = "homeserver.membership_event", skip_all, fields(room.id = %room, event.id = %event))]
    pub async fn membership_event(&self, room: &str, event: &str) -> Result<Option<MembershipEvent>, CallError> {
        let Some(EventAnswer { content, sender, unsigned, .. }) = found(self.event(room_segment(room)?, event).await)?
        else {
            return Ok(None);
        };
        let membership = object(&content).map(|JustMembership { membership }| membership).unwrap_or_default();
        let replaces = unsigned.and_then(|raw| object(&raw)).map(|JustReplaced { replaces_state }| replaces_state);
        Ok(Some(MembershipEvent { membership, sender, replaces }))
    }

    /// What an event is: state, and of which kind, or a message.
    #[instrument(name = "homeserver.seen_event", skip_all, fields(room.id = %room, event.id = %event))]
    pub async fn seen_event(&self, room: &str, event: &str) -> Result<SeenEvent, CallError> {
        Ok(match found(self.event(room_segment(room)?, event).await)? {
            Some(EventAnswer { kind, state_key: Some(key), .. }) => SeenEvent::State { kind, key },
            Some(_) => SeenEvent::Message,
            None => SeenEvent::Unseen,
        })
    }

    async fn event(&self, room: PathSegment, event: &str) -> Result<EventAnswer, CallFailure> {
        let request = rooms::event::Request { room, event: PathSegment(event.to_owned()) };
        Ok(self.call("event", request).await?.body)
    }
}
