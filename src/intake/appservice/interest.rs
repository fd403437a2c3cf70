//! Which events matter. Everything else is dropped at the door, without touching the database.
//!
//! It looks at names and ids only; what an event means is decided by the mirror and the commands.

use std::{collections::HashSet, sync::Arc};

use parking_lot::RwLock;
use ruma::{OwnedRoomId, RoomId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::event::EventHead;
use crate::objects::object;

/// The rooms that are managed, and the one that takes commands, at one moment.
#[derive(Debug, Clone)]
pub struct Interest {
    bot: Box<str>,
    rooms: HashSet<Box<str>>,
    commands: Option<CommandRoom>,
}

#[derive(Debug, Clone)]
struct CommandRoom {
    room_id: Box<str>,
    prefix: String,
}

impl Interest {
    /// State of `rooms`, redactions in them, and the bot's own membership anywhere.
    pub fn new(bot: &UserId, rooms: impl IntoIterator<Item = OwnedRoomId>) -> Self {
        let rooms = rooms.into_iter().map(|room| room.as_str().into()).collect();
        Self { bot: bot.as_str().into(), rooms, commands: None }
    }

    /// Also reactions in the Staff room, and the messages there that hold the command prefix, in either case.
    #[must_use]
    pub fn with_commands(mut self, room: &RoomId, prefix: &str) -> Self {
        self.commands = Some(CommandRoom { room_id: room.as_str().into(), prefix: prefix.to_lowercase() });
        self
    }

    /// Whether `user` is the bot itself.
    pub fn is_bot(&self, user: &str) -> bool {
        *self.bot == *user
    }

    /// Chat is decided first and by comparing two strings: it is nearly everything that comes.
    pub(super) fn covers(&self, event: &EventHead<'_>, raw: &str) -> bool {
        if let Some(state_key) = &event.state_key {
            let about_the_bot = *event.event_type == *"m.room.member" && self.is_bot(state_key);
            return about_the_bot || self.rooms.contains(&*event.room_id);
        }
        match &*event.event_type {
            "m.room.message" => self.command_room(event).is_some_and(|room| mentions(raw, &room.prefix)),
            "m.reaction" => self.command_room(event).is_some(),
            "m.room.redaction" => self.rooms.contains(&*event.room_id),
            _ => false,
        }
    }

    fn command_room(&self, event: &EventHead<'_>) -> Option<&CommandRoom> {
        self.commands.as_ref().filter(|room| *room.room_id == *event.room_id)
    }
}

/// Whether the body of a message holds `prefix` (lower-case) anywhere: a reply quotes before it commands.
fn mentions(raw: &str, prefix: &str) -> bool {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        content: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Content {
        body: String,
    }
    let content = serde_json::from_str(raw).ok().and_then(|Message { content }| object(content));
    content.is_some_and(|Content { body }| body.to_lowercase().contains(prefix))
}

/// The current [`Interest`], shared by who sets it (start, `follow`) and who reads it (each transaction).
#[derive(Debug, Clone)]
pub struct SharedInterest(Arc<RwLock<Arc<Interest>>>);

impl SharedInterest {
    /// Starts with `interest`.
    pub fn new(interest: Interest) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(interest))))
    }

    /// The interest now; a later change does not reach the value returned.
    pub fn current(&self) -> Arc<Interest> {
        Arc::clone(&self.0.read())
    }

    /// Replaces the interest for the transactions that follow.
    pub fn replace(&self, interest: Interest) {
        *self.0.write() = Arc::new(interest);
    }
}
