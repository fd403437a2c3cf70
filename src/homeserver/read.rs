//! What is: rooms, their members and state, and Synapse itself. Nothing here changes anything.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use ruma::{
    api::client::{
        account::whoami, membership::joined_rooms, state::get_state_event_for_key,
        state::get_state_event_for_key::v3::StateEventFormat,
    },
    events::StateEventType,
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tracing::{instrument, warn};

use super::{
    CallError, Homeserver,
    error::CallFailure,
    lenient::{count, flag, readable, text},
    requests::{PathSegment, rooms, server},
    room_in_path, room_segment,
};

/// A room as Synapse's admin API sums it up.
///
/// The counts come from Synapse's statistics, which follow the room by moments and not at all with `stats: {enabled:
/// false}`. On 1.105.1 `tombstoned` and `replacement_room` are absent.
#[derive(Clone, Debug, Deserialize)]
pub struct RoomSummary {
    pub room_id: String,
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub topic: Option<String>,
    #[serde(default, deserialize_with = "count")]
    pub joined_members: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub joined_local_members: Option<u64>,
    /// All current state events, memberships of every kind among them.
    #[serde(default, deserialize_with = "count")]
    pub state_events: Option<u64>,
    /// The room version.
    #[serde(default, deserialize_with = "text")]
    pub version: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub creator: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub join_rules: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub guest_access: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub history_visibility: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub encryption: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    pub public: bool,
    #[serde(default, deserialize_with = "flag")]
    pub tombstoned: bool,
    #[serde(default, deserialize_with = "text")]
    pub replacement_room: Option<String>,
}

/// The membership of someone who is not joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEvent {
    pub user_id: String,
    /// `invite`, `leave`, `ban` or `knock`.
    pub membership: String,
    /// The sender: the user themselves for a voluntary leave, and for the leaves of a deactivated account.
    pub sender: String,
    pub event_id: String,
}

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

/// A state event with its content as Synapse wrote it, unknown keys and all.
#[derive(Clone, Debug, Deserialize)]
pub struct StateEvent {
    pub content: Box<RawValue>,
    pub sender: String,
    /// Absent on 1.105.1, which leaves it out of `format=event`.
    #[serde(default, deserialize_with = "text")]
    pub event_id: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub origin_server_ts: i64,
}

/// Where a room came from, by its create event.
#[derive(Clone, Debug)]
pub struct RoomOrigin {
    /// The room that it says it replaces, empty for none.
    pub replaces: String,
    pub made_by: String,
    /// The content of the create event.
    pub create: Value,
}

/// An event with its sender, and the sender of its redaction.
#[derive(Clone, Debug, Deserialize)]
pub struct NewestEvent {
    pub event_id: String,
    pub sender: String,
    pub content: Value,
    /// Milliseconds since the Unix epoch, by the sender's server; 0 where it is not told.
    #[serde(default)]
    pub origin_server_ts: i64,
    #[serde(default)]
    unsigned: Value,
}

impl NewestEvent {
    /// Who redacted it, if somebody did.
    pub fn redacted_by(&self) -> Option<&str> {
        self.unsigned["redacted_because"]["sender"].as_str()
    }
}

impl Homeserver {
    /// Whose token this is. Synapse answers it even before the sender is registered, so it proves the token only.
    #[instrument(name = "homeserver.whoami", skip_all)]
    pub async fn whoami(&self) -> Result<String, CallError> {
        let answer = self.call("whoami", self.client().send(whoami::v3::Request::new())).await?;
        Ok(answer.user_id.into())
    }

    /// Synapse's version, for example `1.105.1`.
    #[instrument(name = "homeserver.server_version", skip_all)]
    pub async fn server_version(&self) -> Result<String, CallError> {
        let answer = self.call("server_version", self.client().send(server::version::Request {})).await?;
        Ok(answer.body.server_version)
    }

    /// The same, and what its clock said, in whole seconds; a proxy on the way may have put in its own.
    #[instrument(name = "homeserver.server_version_and_clock", skip_all)]
    pub async fn server_version_and_clock(&self) -> Result<(String, Option<DateTime<Utc>>), CallError> {
        let answer = self.call("server_version", self.client().send(server::version::Request {})).await?;
        Ok((answer.body.server_version, answer.date))
    }

    /// The cheap look at a room, though Synapse reads its member list for it. Needs no bot in the room.
    #[instrument(name = "homeserver.room_summary", skip_all, fields(room.id = %room))]
    pub async fn room_summary(&self, room: &str) -> Result<RoomSummary, CallError> {
        let request = rooms::summary::Request { room: room_segment(room)? };
        Ok(self.bulk_read("room_summary", self.client().send(request)).await?.body)
    }

    /// Everyone joined. Needs no bot in the room. A million members took 55 MB on the wire and 130 MB of memory at the most.
    #[instrument(name = "homeserver.joined_members", skip_all, fields(room.id = %room))]
    pub async fn joined_members(&self, room: &str) -> Result<Vec<Box<str>>, CallError> {
        let request = rooms::joined::Request { room: room_segment(room)? };
        let body = self.bulk_read("joined_members", self.client().send(request)).await?.body;
        if body.members.len() != body.total {
            return Err(unexpected(format!("{} members listed where it counts {}", body.members.len(), body.total)));
        }
        Ok(body.members)
    }

    /// Everyone who was in the room, or is invited or banned, and is not joined.
    ///
    /// Read it before [`Self::joined_members`]: a user who is admitted in between is then in both rather than in neither. An entry
    /// that cannot be read is skipped and counted in `provisioner_homeserver_unreadable_entries_total`.
    ///
    /// To a bot that has left, Synapse returns the members of that moment, with 200. That answer names the bot and becomes
    /// [`CallError::BotNotInRoom`].
    #[instrument(name = "homeserver.other_members", skip_all, fields(room.id = %room))]
    pub async fn other_members(&self, room: &str) -> Result<Vec<MemberEvent>, CallError> {
        let request = rooms::members::Request { room: room_segment(room)?, not_membership: "join".to_owned() };
        let body = self.bulk_read("other_members", self.client().send(request)).await?.body;
        let (events, unreadable) = readable(body.chunk);
        report_unreadable("other_members", unreadable);
        if events.iter().any(|event| event.state_key == self.user_id()) {
            return Err(CallError::BotNotInRoom);
        }
        Ok(events
            .into_iter()
            .map(|event| MemberEvent {
                user_id: event.state_key,
                membership: event.content.0.membership,
                sender: event.sender,
                event_id: event.event_id,
            })
            .collect())
    }

    /// One piece of state, or `None` where the room has none of it. A redacted one has the content `{}`.
    ///
    /// 1.105.1 never answers where the event was redacted: this is for the create event, whose redaction Synapse refuses. For
    /// any other, [`Self::state_content`].
    ///
    /// To a bot that has left, Synapse returns the state of that moment, with 200: make sure that the bot is among
    /// [`Self::joined_members`].
    #[instrument(name = "homeserver.state_event", skip_all, fields(room.id = %room, event.kind = %kind))]
    pub async fn state_event(&self, room: &str, kind: &str, key: &str) -> Result<Option<StateEvent>, CallError> {
        let mut request = get_state_event_for_key::v3::Request::new(
            room_in_path(room)?,
            StateEventType::from(kind),
            key.replace('%', "%25"),
        );
        request.format = StateEventFormat::Event;
        match self.call("state_event", self.client().send(request)).await {
            Ok(answer) => match serde_json::from_str(answer.event_or_content.get()) {
                Ok(event) => Ok(Some(event)),
                Err(error) => Err(unexpected(format!("a state event that cannot be read: {error}"))),
            },
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// One piece of state of a room that the bot need not be in, or `None`. A Synapse before 1.163 answers with the whole
    /// state of the room, so this is for seldom use.
    #[instrument(name = "homeserver.state_of_any_room", skip_all, fields(room.id = %room, event.kind = %kind))]
    pub async fn state_of_any_room(&self, room: &str, kind: &str) -> Result<Option<StateEvent>, CallError> {
        let request = rooms::state::Request { room: room_segment(room)?, kind: kind.to_owned() };
        let body = self.bulk_read("state_of_any_room", self.client().send(request)).await?.body;
        let (events, unreadable) = readable(body.state);
        report_unreadable("state_of_any_room", unreadable);
        let wanted = events.into_iter().find(|event| event.kind == kind && event.state_key.is_empty());
        if wanted.is_none() && unreadable > 0 {
            return Err(unexpected(format!(
                "{unreadable} state events that cannot be read, and {kind} may be one of them"
            )));
        }
        Ok(wanted.map(|event| StateEvent {
            content: event.content,
            sender: event.sender,
            event_id: Some(event.event_id),
            origin_server_ts: event.origin_server_ts,
        }))
    }

    /// What a room's create event says of where it came from; `None` where Synapse knows no such room.
    pub async fn origin(&self, room: &str) -> Result<Option<RoomOrigin>, CallError> {
        match self.state_of_any_room(room, "m.room.create").await {
            Ok(create) => Ok(create.map(|create| {
                let content: Value = serde_json::from_str(create.content.get()).unwrap_or_default();
                let replaces = content["predecessor"]["room_id"].as_str().unwrap_or_default().to_owned();
                RoomOrigin { replaces, made_by: create.sender, create: content }
            })),
            Err(CallError::RoomUnknown | CallError::BadRoomId { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The content of one piece of state, or `None` where the room has none of it.
    ///
    /// For state that may be redacted, this is the only way that 1.105.1 answers: asked for the whole event, it never does.
    #[instrument(name = "homeserver.state_content", skip_all, fields(room.id = %room, event.kind = %kind))]
    pub async fn state_content(&self, room: &str, kind: &str, key: &str) -> Result<Option<Value>, CallError> {
        let request = get_state_event_for_key::v3::Request::new(
            room_in_path(room)?,
            StateEventType::from(kind),
            key.replace('%', "%25"),
        );
        match self.call("state_content", self.client().send(request)).await {
            // Content that serde_json cannot hold (nested past its limit) is as good as no content.
            Ok(answer) => Ok(Some(serde_json::from_str(answer.event_or_content.get()).unwrap_or_default())),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The room that an alias of this server leads to, or `None` where it leads nowhere.
    #[instrument(name = "homeserver.room_by_alias", skip_all)]
    pub async fn room_by_alias(&self, alias: &str) -> Result<Option<String>, CallError> {
        let request = rooms::by_alias::Request { alias: PathSegment(alias.to_owned()) };
        match self.call("room_by_alias", self.client().send(request)).await {
            Ok(answer) => Ok(Some(answer.body.room_id)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The newest event of a type in a room. Cheap where it is new: Synapse searches the room backwards, and is given two
    /// seconds.
    #[instrument(name = "homeserver.newest_event", skip_all, fields(room.id = %room, event.kind = %kind))]
    pub async fn newest_event(&self, room: &str, kind: &str) -> Result<Option<NewestEvent>, CallError> {
        let filter = serde_json::json!({ "types": [kind] }).to_string();
        let request = rooms::messages::Request { room: room_segment(room)?, dir: "b".to_owned(), limit: 1, filter };
        Ok(self.aside("newest_event", self.client().send(request)).await?.body.chunk.into_iter().next())
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
        let events = self.call("own_event", self.client().send(request)).await?.body.chunk;
        Ok(events.into_iter().find(|event| is_it(&event.content)).map(|event| event.event_id))
    }

    /// The content of any event of a room that the bot may see.
    #[instrument(name = "homeserver.event_content", skip_all, fields(room.id = %room, event.id = %event))]
    pub async fn event_content(&self, room: &str, event: &str) -> Result<Value, CallError> {
        let request = rooms::event::Request { room: room_segment(room)?, event: PathSegment(event.to_owned()) };
        Ok(self.call("event", self.client().send(request)).await?.body.content)
    }

    /// A membership event, or `None` where the bot cannot see one of this id.
    #[instrument(name = "homeserver.membership_event", skip_all, fields(room.id = %room, event.id = %event))]
    pub async fn membership_event(&self, room: &str, event: &str) -> Result<Option<MembershipEvent>, CallError> {
        let request = rooms::event::Request { room: room_segment(room)?, event: PathSegment(event.to_owned()) };
        match self.call("event", self.client().send(request)).await {
            Ok(answer) => {
                let text = |value: &Value| value.as_str().map(str::to_owned);
                let rooms::EventAnswer { content, sender, unsigned, .. } = answer.body;
                let membership = text(&content["membership"]).unwrap_or_default();
                Ok(Some(MembershipEvent { membership, sender, replaces: text(&unsigned["replaces_state"]) }))
            }
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// What an event is: state, and of which kind, or a message.
    #[instrument(name = "homeserver.seen_event", skip_all, fields(room.id = %room, event.id = %event))]
    pub async fn seen_event(&self, room: &str, event: &str) -> Result<SeenEvent, CallError> {
        let request = rooms::event::Request { room: room_segment(room)?, event: PathSegment(event.to_owned()) };
        match self.call("event", self.client().send(request)).await {
            Ok(answer) => Ok(match answer.body.state_key {
                Some(key) => SeenEvent::State { kind: answer.body.kind, key },
                None => SeenEvent::Message,
            }),
            Err(failure) if failure.is_not_found() => Ok(SeenEvent::Unseen),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The word for somebody's membership of a room, or `None` where they have none.
    pub async fn membership(&self, room: &str, mxid: &str) -> Result<Option<String>, CallError> {
        let content = self.state_content(room, "m.room.member", mxid).await?;
        Ok(content.map(|content| content["membership"].as_str().unwrap_or_default().to_owned()))
    }

    /// The rooms that the bot is joined to.
    #[instrument(name = "homeserver.joined_rooms", skip_all)]
    pub async fn joined_rooms(&self) -> Result<Vec<String>, CallError> {
        let answer = self.call("joined_rooms", self.client().send(joined_rooms::v3::Request::new())).await?;
        Ok(answer.joined_rooms.into_iter().map(Into::into).collect())
    }

    /// Asks Synapse to call this service's listener and returns how long that took. On 1.163 it also ends the wait before
    /// the next delivery of transactions.
    #[instrument(name = "homeserver.ping_appservice", skip_all)]
    pub async fn ping_appservice(&self, appservice_id: &str, transaction_id: &str) -> Result<Duration, CallError> {
        let request = server::ping::Request {
            appservice: PathSegment(appservice_id.to_owned()),
            transaction_id: transaction_id.to_owned(),
        };
        let asked = Instant::now();
        match self.call("ping_appservice", self.client().send(request)).await {
            Ok(answer) => Ok(answer.body.duration),
            Err(CallFailure::Answer(answer))
                if RETRIES_ALREADY.iter().any(|error| answer.message.starts_with(error)) =>
            {
                Ok(asked.elapsed())
            }
            // These two are about the way back to us, not about Synapse.
            Err(CallFailure::Answer(answer))
                if matches!(
                    answer.errcode.as_str(),
                    "M_CONNECTION_FAILED" | "M_CONNECTION_TIMEOUT" | "M_BAD_STATUS" | "M_URL_NOT_SET"
                ) =>
            {
                Err(CallError::ListenerUnreachable { message: answer.message })
            }
            Err(failure) => Err(failure.into()),
        }
    }
}

/// Errors of a ping that reached the listener. Synapse 1.163 then wants to end the wait before its next delivery, and fails
/// with these, as M_CONNECTION_FAILED, when that delivery is under way already.
const RETRIES_ALREADY: [&str; 2] = ["AlreadyCalled:", "AlreadyCancelled:"];

/// An answer of 200 that cannot be right.
pub(super) fn unexpected(message: String) -> CallError {
    CallError::Unexpected { status: 200, errcode: String::new(), message }
}

/// Logs and counts, once an answer, how many of its entries were skipped.
pub(super) fn report_unreadable(endpoint: &'static str, unreadable: usize) {
    if unreadable > 0 {
        warn!(endpoint, unreadable, "skipped entries of Synapse's answer that cannot be read");
        metrics::counter!(super::UNREADABLE, "endpoint" => endpoint)
            .increment(u64::try_from(unreadable).unwrap_or(u64::MAX));
    }
}
