//! The admin's room work: making rooms, moving people in and out, reading and writing state.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::admin::{Admin, encode, text};

/// Synapse 1.105's default, as production's rooms have; newer servers would make version 12.
const VERSION: &str = "10";

/// How a room is made: private, of version 10, unless said otherwise.
#[derive(Debug, Clone, Default)]
pub struct NewRoom {
    pub name: Option<String>,
    /// `private_chat` if none.
    pub preset: Option<String>,
    /// Version 10 if none, on every Synapse.
    pub version: Option<String>,
    /// Power of others than the creator (who gets 100, or in version 12 and later stands above all levels).
    pub power: BTreeMap<String, i64>,
    pub invite: Vec<String>,
}

impl Admin {
    /// Makes a room with this user as its creator and gives its id.
    ///
    /// # Errors
    /// When Synapse refuses.
    pub async fn create_room(&self, room: NewRoom) -> Result<String> {
        let mut body = Map::new();
        body.insert("preset".to_owned(), json!(room.preset.as_deref().unwrap_or("private_chat")));
        body.insert("invite".to_owned(), json!(room.invite));
        if let Some(name) = &room.name {
            body.insert("name".to_owned(), json!(name));
        }
        let version = room.version.as_deref().unwrap_or(VERSION);
        body.insert("room_version".to_owned(), json!(version));
        if !room.power.is_empty() {
            let mut users = room.power.clone();
            let above_all = version == "org.matrix.hydra.11" || version.parse::<u32>().is_ok_and(|number| number >= 12);
            if !above_all {
                users.insert(self.mxid.clone(), 100);
            }
            body.insert("power_level_content_override".to_owned(), json!({ "users": users }));
        }
        let answer = self.call(Method::POST, "/_matrix/client/v3/createRoom", Some(body.into())).await?;
        text(&answer, "room_id")
    }

    /// Makes a room this admin created ready for the service: the bot (see `enlist`) is joined with power 100.
    ///
    /// # Errors
    /// When Synapse refuses.
    pub async fn create_room_with(&self, bot: &Admin, mut room: NewRoom) -> Result<String> {
        room.power.insert(bot.mxid.clone(), 100);
        room.invite.push(bot.mxid.clone());
        let id = self.create_room(room).await?;
        bot.join(&id).await?;
        Ok(id)
    }

    /// This user itself joins.
    ///
    /// # Errors
    /// When Synapse refuses.
    pub async fn join(&self, room: &str) -> Result<()> {
        self.call(Method::POST, &format!("/_matrix/client/v3/join/{}", encode(room)), Some(json!({}))).await.map(drop)
    }

    /// # Errors
    /// When Synapse refuses.
    pub async fn invite(&self, room: &str, mxid: &str) -> Result<()> {
        self.membership(room, "invite", mxid).await
    }

    /// # Errors
    /// When Synapse refuses.
    pub async fn kick(&self, room: &str, mxid: &str) -> Result<()> {
        self.membership(room, "kick", mxid).await
    }

    /// # Errors
    /// When Synapse refuses.
    pub async fn ban(&self, room: &str, mxid: &str) -> Result<()> {
        self.membership(room, "ban", mxid).await
    }

    /// # Errors
    /// When Synapse refuses.
    pub async fn unban(&self, room: &str, mxid: &str) -> Result<()> {
        self.membership(room, "unban", mxid).await
    }

    /// Joins a local user by force (the admin API; this user must be joined with invite power).
    ///
    /// # Errors
    /// When Synapse refuses.
    pub async fn force_join(&self, room: &str, mxid: &str) -> Result<()> {
        let path = format!("/_synapse/admin/v1/join/{}", encode(room));
        self.call(Method::POST, &path, Some(json!({ "user_id": mxid }))).await.map(drop)
    }

    /// Everybody who has a member event in the room, with their membership.
    ///
    /// # Errors
    /// When Synapse fails.
    pub async fn members(&self, room: &str) -> Result<BTreeMap<String, String>> {
        let events = self.all_state(room).await?;
        let members = events.iter().filter(|event| event["type"] == "m.room.member");
        members.map(|event| Ok((text(event, "state_key")?, text(&event["content"], "membership")?))).collect()
    }

    /// One person's membership; `none` where there is no member event.
    ///
    /// # Errors
    /// When Synapse fails.
    pub async fn membership_of(&self, room: &str, mxid: &str) -> Result<String> {
        Ok(self.members(room).await?.remove(mxid).unwrap_or_else(|| "none".to_owned()))
    }

    /// All state events, read as server admin (no need to be in the room).
    ///
    /// # Errors
    /// When Synapse fails.
    pub async fn all_state(&self, room: &str) -> Result<Vec<Value>> {
        let path = format!("/_synapse/admin/v1/rooms/{}/state", encode(room));
        match self.call(Method::GET, &path, None).await?["state"].take() {
            Value::Array(events) => Ok(events),
            other => bail!("no state in the answer to GET {path}: {other}"),
        }
    }

    /// The content of one state event, or nothing if there is none.
    ///
    /// # Errors
    /// When Synapse refuses.
    pub async fn state(&self, room: &str, kind: &str, key: &str) -> Result<Option<Value>> {
        let events = self.all_state(room).await?;
        let found = events.into_iter().find(|event| event["type"] == kind && event["state_key"] == key);
        Ok(found.map(|mut event| event["content"].take()))
    }

    /// Writes one state event as this user and gives its event id.
    ///
    /// # Errors
    /// When Synapse refuses.
    pub async fn send_state(&self, room: &str, kind: &str, key: &str, content: Value) -> Result<String> {
        let path = format!("/_matrix/client/v3/rooms/{}/state/{}/{}", encode(room), encode(kind), encode(key));
        text(&self.call(Method::PUT, &path, Some(content)).await?, "event_id")
    }

    /// Sends a plain text message as this user. The same transaction id again sends nothing.
    ///
    /// # Errors
    /// When Synapse refuses.
    pub async fn send_text(&self, room: &str, transaction: &str, text: &str) -> Result<()> {
        let path = format!("/_matrix/client/v3/rooms/{}/send/m.room.message/{}", encode(room), encode(transaction));
        let content = json!({ "msgtype": "m.text", "body": text });
        self.call(Method::PUT, &path, Some(content)).await.map(drop)
    }

    /// The newest events of a room this user is in, newest first.
    ///
    /// # Errors
    /// When Synapse fails.
    pub async fn messages(&self, room: &str, limit: usize) -> Result<Vec<Value>> {
        let path = format!("/_matrix/client/v3/rooms/{}/messages?dir=b&limit={limit}", encode(room));
        let (status, mut answer) = self.request(Method::GET, &path, None).await?;
        if status != StatusCode::OK {
            bail!("GET {path}: {status} {answer}");
        }
        answer["chunk"].as_array_mut().map(std::mem::take).context("no chunk in the answer")
    }

    async fn membership(&self, room: &str, verb: &str, mxid: &str) -> Result<()> {
        let path = format!("/_matrix/client/v3/rooms/{}/{verb}", encode(room));
        self.call(Method::POST, &path, Some(json!({ "user_id": mxid }))).await.map(drop)
    }
}
