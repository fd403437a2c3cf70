//! What is: rooms, their members and their state. Nothing here changes anything.

use ruma::{
    api::client::{
        membership::joined_rooms, state::get_state_event_for_key, state::get_state_event_for_key::v3::StateEventFormat,
    },
    events::StateEventType,
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tracing::{instrument, warn};

use super::{
    CallError, Homeserver,
    answer::found,
    lenient::{count, flag, readable, text},
    requests::{PathSegment, rooms},
    room_in_path, room_segment,
};

/// A room as Synapse's admin API sums it up.
///
/// Its count comes from Synapse's statistics, which follow the room by moments and not at all with `stats: {enabled: false}`.
#[derive(Clone, Debug, Deserialize)]
pub struct RoomSummary {
    pub room_id: String,
    #[serde(default, deserialize_with = "count")]
    pub joined_members: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    pub join_rules: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub history_visibility: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    pub public: bool,
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
    /// Its reason is [`BAN_REASON`](super::BAN_REASON). An upgrade copies bans in the name of who upgrades, with their reasons.
    pub is_our_ban: bool,
}

impl MemberEvent {
    /// Whether somebody did it who is neither the user nor `bot`, in whose name an upgrade copies what others had banned.
    pub fn is_by_others(&self, bot: &str) -> bool {
        self.sender != self.user_id && (self.sender != bot || self.membership == "ban" && !self.is_our_ban)
    }
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

impl RoomOrigin {
    /// By the content of the create event and its sender.
    pub fn of(create: Value, made_by: String) -> Self {
        let replaces = create["predecessor"]["room_id"].as_str().unwrap_or_default().to_owned();
        Self { replaces, made_by, create }
    }
}

impl Homeserver {
    /// The cheap look at a room, though Synapse reads its member list for it. Needs no bot in the room.
    #[instrument(name = "homeserver.room_summary", skip_all, fields(room.id = %room))]
    pub async fn room_summary(&self, room: &str) -> Result<RoomSummary, CallError> {
        let request = rooms::summary::Request { room: room_segment(room)? };
        Ok(self.bulk_read("room_summary", request).await?.body)
    }

    /// Everyone joined. Needs no bot in the room. A million members took 55 MB on the wire and 130 MB of memory at the most.
    #[instrument(name = "homeserver.joined_members", skip_all, fields(room.id = %room))]
    pub async fn joined_members(&self, room: &str) -> Result<Vec<Box<str>>, CallError> {
        let request = rooms::joined::Request { room: room_segment(room)? };
        let body = self.bulk_read("joined_members", request).await?.body;
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
        let body = self.bulk_read("other_members", request).await?.body;
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
                is_our_ban: event.content.0.is_our_ban.0,
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
    pub async fn state_event(&self, room: &str, kind: &str) -> Result<Option<StateEvent>, CallError> {
        let mut request = state_request(room, kind, "")?;
        request.format = StateEventFormat::Event;
        let Some(answer) = found(self.call("state_event", request).await)? else { return Ok(None) };
        let event = serde_json::from_str(answer.event_or_content.get());
        event.map(Some).map_err(|error| unexpected(format!("a state event that cannot be read: {error}")))
    }

    /// One piece of state of a room that the bot need not be in, or `None`. A Synapse before 1.163 answers with the whole
    /// state of the room, so this is for seldom use.
    #[instrument(name = "homeserver.state_of_any_room", skip_all, fields(room.id = %room, event.kind = %kind))]
    pub async fn state_of_any_room(&self, room: &str, kind: &str) -> Result<Option<StateEvent>, CallError> {
        let request = rooms::state::Request { room: room_segment(room)?, kind: kind.to_owned() };
        let body = self.bulk_read("state_of_any_room", request).await?.body;
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
                let content = serde_json::from_str(create.content.get()).unwrap_or_default();
                RoomOrigin::of(content, create.sender)
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
        let request = state_request(room, kind, key)?;
        let answer = found(self.call("state_content", request).await)?;
        // Content that serde_json cannot hold (nested past its limit) is as good as no content.
        Ok(answer.map(|answer| serde_json::from_str(answer.event_or_content.get()).unwrap_or_default()))
    }

    /// The room that an alias of this server leads to, or `None` where it leads nowhere.
    #[instrument(name = "homeserver.room_by_alias", skip_all)]
    pub async fn room_by_alias(&self, alias: &str) -> Result<Option<String>, CallError> {
        let request = rooms::by_alias::Request { alias: PathSegment(alias.to_owned()) };
        let answer = found(self.call("room_by_alias", request).await)?;
        Ok(answer.map(|answer| answer.body.room_id))
    }

    /// The word for somebody's membership of a room, or `None` where they have none.
    pub async fn membership(&self, room: &str, mxid: &str) -> Result<Option<String>, CallError> {
        let content = self.state_content(room, "m.room.member", mxid).await?;
        Ok(content.map(|content| content["membership"].as_str().unwrap_or_default().to_owned()))
    }

    /// The rooms that the bot is joined to.
    #[instrument(name = "homeserver.joined_rooms", skip_all)]
    pub async fn joined_rooms(&self) -> Result<Vec<String>, CallError> {
        let answer = self.call("joined_rooms", joined_rooms::v3::Request::new()).await?;
        Ok(answer.joined_rooms.into_iter().map(Into::into).collect())
    }
}

fn state_request(room: &str, kind: &str, key: &str) -> Result<get_state_event_for_key::v3::Request, CallError> {
    let (room, kind) = (room_in_path(room)?, StateEventType::from(kind));
    Ok(get_state_event_for_key::v3::Request::new(room, kind, key.replace('%', "%25")))
}

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
