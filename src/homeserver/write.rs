//! What changes rooms: membership, state, messages, and rooms themselves. One request a method, never repeated here.

use ruma::{
    OwnedTransactionId,
    api::client::{membership::join_room_by_id, message::send_message_event, state::send_state_event},
    events::{MessageLikeEventType, StateEventType},
    serde::Raw,
};
use serde_json::{Map, Value, json, value::RawValue};
use tracing::instrument;

use super::{CallError, Homeserver, WriteOutcome, checked_user, requests::rooms, room_in_path, room_segment};

/// A room to be made. The bot becomes its creator and only member.
#[derive(Clone, Debug, Default)]
pub struct NewRoom {
    /// The room version; Synapse's default where it is `None` (10 on 1.105.1, 12 on 1.163.2).
    pub version: Option<String>,
    /// Anyone may join. Unlisted either way.
    pub public: bool,
    /// Each key replaces Synapse's default for it, `events` and `users` as a whole: before room version 12 `users` must name
    /// the bot, from 12 on it must not.
    pub power_levels: Option<Value>,
    /// Further state, the room's name included: event type and content; the state key is empty.
    pub initial_state: Vec<(String, Value)>,
    /// Keys added to the content of `m.room.create`. Nobody can change or redact them afterwards.
    pub creation_content: Map<String, Value>,
}

impl Homeserver {
    /// Makes a local user a member. The bot must be in the room; where one must be invited it needs the power for that, and
    /// two events are written.
    ///
    /// Already a member is 200 where anyone may join and `M_FORBIDDEN` elsewhere; both count as done. Synapse says 200 for
    /// deactivated, locked and shadow-banned users and into tombstoned rooms too. With the join rule `private` it invites,
    /// then fails: [`CallError::NotPermitted`], and the invitation stays.
    #[instrument(name = "homeserver.join", skip_all, fields(room.id = %room, user.id = %user))]
    pub async fn join(&self, room: &str, user: &str) -> Result<WriteOutcome, CallError> {
        let request = rooms::admin_join::Request { room: room_segment(room)?, user_id: checked_user(user)? };
        match self.call("join", request).await {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(failure) if failure.says("is already in the room") => Ok(WriteOutcome::AlreadySo),
            // Joining is done in the user's name, so it is they who are suspended, not the bot.
            Err(failure) => match failure.message_of("M_USER_SUSPENDED") {
                Some(message) => Err(CallError::UserSuspended { message: message.to_owned() }),
                None => Err(failure.into()),
            },
        }
    }

    /// Removes a member or takes an invitation back. Someone who left, never was there or is banned is already out.
    #[instrument(name = "homeserver.kick", skip_all, fields(room.id = %room, user.id = %user))]
    pub async fn kick(&self, room: &str, user: &str, reason: Option<&str>) -> Result<WriteOutcome, CallError> {
        let request = rooms::kick::Request {
            room: room_segment(room)?,
            user_id: checked_user(user)?,
            reason: reason.map(str::to_owned),
        };
        match self.call("kick", request).await {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(failure) if failure.says("The target user is not in the room") => Ok(WriteOutcome::AlreadySo),
            Err(failure) if failure.says("Cannot kick user who was banned") => Ok(WriteOutcome::AlreadySo),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Bans somebody, in the room or not. Who is banned already stays so.
    #[instrument(name = "homeserver.ban", skip_all, fields(room.id = %room, user.id = %user))]
    pub async fn ban(&self, room: &str, user: &str, reason: &str) -> Result<WriteOutcome, CallError> {
        let (room, user_id) = (room_segment(room)?, checked_user(user)?);
        let request = rooms::ban::Request { room, user_id, reason: reason.to_owned() };
        self.call("ban", request).await?;
        Ok(WriteOutcome::Done)
    }

    /// Takes a ban back. Who is not banned stays as they are.
    #[instrument(name = "homeserver.unban", skip_all, fields(room.id = %room, user.id = %user))]
    pub async fn unban(&self, room: &str, user: &str) -> Result<WriteOutcome, CallError> {
        let request = rooms::unban::Request { room: room_segment(room)?, user_id: checked_user(user)? };
        match self.call("unban", request).await {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(failure) if failure.says("Cannot unban user who was not banned") => Ok(WriteOutcome::AlreadySo),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Sets one piece of state and returns its event ID. The same content again returns the same event and writes nothing.
    #[instrument(name = "homeserver.set_state", skip_all, fields(room.id = %room, event.kind = %kind))]
    pub async fn set_state(&self, room: &str, kind: &str, content: Box<RawValue>) -> Result<String, CallError> {
        let request = send_state_event::v3::Request::new_raw(
            room_in_path(room)?,
            StateEventType::from(kind),
            String::new(),
            Raw::from_json(content),
        );
        let answer = self.call("set_state", request).await?;
        Ok(answer.event_id.as_str().to_owned())
    }

    /// Sends a message and returns its event ID. The same transaction ID again returns the same event and sends nothing.
    #[instrument(name = "homeserver.send_message", skip_all, fields(room.id = %room, event.kind = %kind))]
    pub async fn send_message_event(
        &self,
        room: &str,
        kind: &str,
        transaction_id: &str,
        content: Box<RawValue>,
    ) -> Result<String, CallError> {
        let request = send_message_event::v3::Request::new_raw(
            room_in_path(room)?,
            OwnedTransactionId::from(transaction_id.replace('%', "%25")),
            MessageLikeEventType::from(kind),
            Raw::from_json(content),
        );
        let answer = self.call("send_message", request).await?;
        Ok(answer.event_id.as_str().to_owned())
    }

    /// Makes a room and returns its ID.
    #[instrument(name = "homeserver.create_room", skip_all)]
    pub async fn create_room(&self, room: NewRoom) -> Result<String, CallError> {
        let NewRoom { version, public, power_levels, initial_state, creation_content } = room;
        let mut body = Map::new();
        body.insert("preset".to_owned(), json!(if public { "public_chat" } else { "private_chat" }));
        body.insert("visibility".to_owned(), json!("private"));
        let optional = [
            ("room_version", version.map(Value::from)),
            ("power_level_content_override", power_levels),
            ("creation_content", (!creation_content.is_empty()).then(|| creation_content.into())),
        ];
        body.extend(optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        let state = initial_state.into_iter().map(|(kind, content)| json!({ "type": kind, "content": content }));
        body.insert("initial_state".to_owned(), state.collect());
        let request = rooms::create::Request { body: Value::Object(body) };
        Ok(self.call("create_room", request).await?.body.room_id)
    }

    /// Makes the strongest local member give `user` the same power and, where one must be invited, an invitation. For a
    /// bot that is not in its room: afterwards [`Self::join_as_bot`].
    ///
    /// In room version 12 it fails for a creator, who is above all levels already.
    #[instrument(name = "homeserver.make_room_admin", skip_all, fields(room.id = %room, user.id = %user))]
    pub async fn make_room_admin(&self, room: &str, user: &str) -> Result<(), CallError> {
        let request = rooms::make_admin::Request { room: room_segment(room)?, user_id: checked_user(user)? };
        self.call("make_room_admin", request).await?;
        Ok(())
    }

    /// Lets the bot into a room by the power of its strongest local member, where it is not in it.
    pub async fn enter(&self, room: &str) -> Result<WriteOutcome, CallError> {
        if self.joined_members(room).await?.iter().any(|member| **member == *self.user_id()) {
            return Ok(WriteOutcome::AlreadySo);
        }
        self.make_room_admin(room, self.user_id()).await?;
        self.join_as_bot(room).await?;
        Ok(WriteOutcome::Done)
    }

    /// Joins the bot, as any client would. Already joined is fine.
    #[instrument(name = "homeserver.join_as_bot", skip_all, fields(room.id = %room))]
    pub async fn join_as_bot(&self, room: &str) -> Result<(), CallError> {
        let request = join_room_by_id::v3::Request::new(room_in_path(room)?);
        self.call("join_as_bot", request).await?;
        Ok(())
    }
}
