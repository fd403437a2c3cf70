//! A person in a real Matrix client, logged in as the apps do: with a JWT.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use matrix_sdk::Client;
use matrix_sdk::config::SyncSettings;
use matrix_sdk::ruma::api::client::membership::{join_room_by_id, joined_rooms, leave_room};
use matrix_sdk::ruma::api::client::message::send_message_event;
use matrix_sdk::ruma::events::reaction::ReactionEventContent;
use matrix_sdk::ruma::events::relation::Annotation;
use matrix_sdk::ruma::events::room::message::RoomMessageEventContent;
use matrix_sdk::ruma::{EventId, OwnedEventId, OwnedRoomId, RoomId, TransactionId};
use serde_json::{Map, Value};

use crate::synapse::Synapse;

/// Somebody logged in. `client` takes any ruma request (`person.client.send(…)`).
#[derive(Debug, Clone)]
pub struct Person {
    pub client: Client,
    /// The full user id.
    pub mxid: String,
}

impl Person {
    /// Logs in; Synapse makes the account if it is new.
    ///
    /// # Errors
    /// When the login is refused.
    pub async fn login(synapse: &Synapse, sub: &str) -> Result<Person> {
        let client = Client::builder().homeserver_url(synapse.url()).build().await.context("build a Matrix client")?;
        let mut data = Map::new();
        data.insert("token".to_owned(), Value::String(synapse.jwt(sub)?));
        let login = client.matrix_auth().login_custom("org.matrix.login.jwt", data).context("prepare the login")?;
        let session = login.send().await.with_context(|| format!("log {sub} in"))?;
        Ok(Person { client, mxid: session.user_id.to_string() })
    }

    /// # Errors
    /// When the room id is malformed or Synapse refuses.
    pub async fn join(&self, room: &str) -> Result<()> {
        let request = join_room_by_id::v3::Request::new(room_id(room)?);
        self.client.send(request).await.with_context(|| format!("join {room}")).map(drop)
    }

    /// Leaves a room, or rejects an invitation.
    ///
    /// # Errors
    /// When the room id is malformed or Synapse refuses.
    pub async fn leave(&self, room: &str) -> Result<()> {
        let request = leave_room::v3::Request::new(room_id(room)?);
        self.client.send(request).await.with_context(|| format!("leave {room}")).map(drop)
    }

    /// # Errors
    /// When Synapse refuses.
    pub async fn joined_rooms(&self) -> Result<BTreeSet<String>> {
        let answer = self.client.send(joined_rooms::v3::Request::new()).await.context("list joined rooms")?;
        Ok(answer.joined_rooms.iter().map(ToString::to_string).collect())
    }

    /// Sends a plain text message and gives its event id.
    ///
    /// # Errors
    /// When Synapse refuses.
    pub async fn send_text(&self, room: &str, text: &str) -> Result<OwnedEventId> {
        let content = RoomMessageEventContent::text_plain(text);
        let request = send_message_event::v3::Request::new(room_id(room)?, TransactionId::new(), &content)
            .context("write the message")?;
        Ok(self.client.send(request).await.with_context(|| format!("send to {room}"))?.event_id)
    }

    /// Reacts to an event and gives the id of the reaction.
    ///
    /// # Errors
    /// When an id is malformed or Synapse refuses.
    pub async fn react(&self, room: &str, to: &str, key: &str) -> Result<OwnedEventId> {
        let event = EventId::parse(to).with_context(|| format!("read event id {to}"))?;
        let content = ReactionEventContent::new(Annotation::new(event, key.to_owned()));
        let request = send_message_event::v3::Request::new(room_id(room)?, TransactionId::new(), &content)
            .context("write the reaction")?;
        Ok(self.client.send(request).await.with_context(|| format!("react in {room}"))?.event_id)
    }

    /// Synchronises once and joins every room the person is invited to.
    ///
    /// # Errors
    /// When the sync or a join fails.
    pub async fn accept_invites(&self) -> Result<Vec<String>> {
        let settings = SyncSettings::new().timeout(Duration::ZERO);
        self.client.sync_once(settings).await.context("synchronise")?;
        let rooms: Vec<String> = self.client.invited_rooms().iter().map(|room| room.room_id().to_string()).collect();
        for room in &rooms {
            self.join(room).await?;
        }
        Ok(rooms)
    }
}

fn room_id(room: &str) -> Result<OwnedRoomId> {
    RoomId::parse(room).with_context(|| format!("read room id {room}"))
}
