//! What the journeys in the Staff room share: a stage that takes commands, people who speak there, and what is answered.

use std::sync::Arc;
use std::time::Duration;

use matrix_sdk::ruma::api::client::message::send_message_event;
use matrix_sdk::ruma::events::MessageLikeEventType;
use matrix_sdk::ruma::serde::Raw;
use matrix_sdk::ruma::{RoomId, TransactionId};
use regex::Regex;
use serde_json::{Value, json};
use sqlx::Row;
use testbed::{Bed, Person, Service, ServiceSpec, SynapseVersion, free_port, wait_until};

use crate::support::{SOON, Settings, Stage, subject};

/// A stage whose Staff room takes commands from leads of the team staff.
pub(crate) struct StaffStage {
    pub(crate) stage: Stage,
    /// May command.
    pub(crate) lead: Person,
    pub(crate) lead_sub: String,
    /// Is in the room, and may not.
    pub(crate) member: Person,
    pub(crate) member_sub: String,
}

/// The service runs, and both people are in the room.
pub(crate) async fn open(version: SynapseVersion, settings: Settings) -> StaffStage {
    let staff = closed(version, settings).await;
    staff.start().await;
    staff
}

/// The same on a bed of one's own.
pub(crate) async fn open_on(bed: Arc<Bed>, settings: Settings) -> StaffStage {
    let staff = on(Stage::set_on(bed, settings).await).await;
    staff.start().await;
    staff
}

/// The same before the service runs.
pub(crate) async fn closed(version: SynapseVersion, settings: Settings) -> StaffStage {
    on(Stage::set(version, settings).await).await
}

async fn on(mut stage: Stage) -> StaffStage {
    stage.edit(with_commands);
    let (lead_sub, member_sub) = (subject(), subject());
    stage.hasura.add(&lead_sub, "staff", "lead").await.unwrap();
    stage.hasura.add(&member_sub, "staff", "member").await.unwrap();
    let lead = Person::login(&stage.bed.synapse, &lead_sub).await.unwrap();
    let member = Person::login(&stage.bed.synapse, &member_sub).await.unwrap();
    StaffStage { stage, lead, lead_sub, member, member_sub }
}

pub(crate) fn with_commands(config: String) -> String {
    let commands = "[commands]\nroom = \"staff\"\nallow = [{ team = \"staff\", role = \"lead\" }]\n[modes]";
    config.replace("[modes]", commands)
}

impl StaffStage {
    /// Installs another replica, and gives where it listens for Synapse.
    pub(crate) fn replica(&self) -> (Service, String) {
        let [listen, admin] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port().unwrap()));
        let own = |address: &str| format!("\"{address}\"");
        let config = with_commands(self.stage.config());
        let config = config.replace(&own(&self.stage.slot.listen()), &own(&listen));
        let config = config.replace(&own(&self.stage.admin_listen), &own(&admin));
        let binary = env!("CARGO_BIN_EXE_phenom-provisioner").into();
        (Service::install(ServiceSpec { binary, config, env: vec![], admin }).unwrap(), listen)
    }

    /// Starts the service and waits until both people are in the room.
    pub(crate) async fn start(&self) {
        self.stage.start().await;
        for sub in [&self.lead_sub, &self.member_sub] {
            self.stage.until(&self.stage.staff, sub, "join", SOON).await;
        }
    }

    /// Sends any event to the Staff room and gives its id.
    pub(crate) async fn send(&self, person: &Person, kind: &str, content: Value) -> String {
        let room = RoomId::parse(&self.stage.staff).unwrap();
        let content = Raw::from_json(serde_json::value::to_raw_value(&content).unwrap());
        let kind = MessageLikeEventType::from(kind);
        let request = send_message_event::v3::Request::new_raw(room, TransactionId::new(), kind, content);
        person.client.send(request).await.unwrap().event_id.to_string()
    }

    /// Says something and gives its event id.
    pub(crate) async fn say(&self, person: &Person, text: &str) -> String {
        person.send_text(&self.stage.staff, text).await.unwrap().to_string()
    }

    pub(crate) async fn react(&self, person: &Person, to: &str, key: &str) -> String {
        let relation = json!({"rel_type": "m.annotation", "event_id": to, "key": key});
        self.send(person, "m.reaction", json!({"m.relates_to": relation})).await
    }

    /// The same reaction again, after the one before was taken back.
    pub(crate) async fn send_reaction_anew(&self, person: &Person, to: &str, key: &str) -> String {
        let tap = self.react(person, to, key).await;
        self.ended(&tap).await;
        let path = format!("/_matrix/client/v3/rooms/{}/redact/{tap}/{}", self.stage.staff, subject());
        self.stage.admin.call(reqwest::Method::PUT, &path, Some(json!({}))).await.unwrap();
        tap
    }

    /// Pushes a message as Synapse does, under the id of an event that is in the room, so that it can be answered.
    pub(crate) async fn push(&self, event_id: &str, sender: &str, text: &str, age_ms: i64) {
        self.push_to(&self.stage.slot.listen(), event_id, sender, text, age_ms).await;
    }

    /// The same to another replica.
    pub(crate) async fn push_to(&self, listen: &str, event_id: &str, sender: &str, text: &str, age_ms: i64) {
        self.transact(listen, vec![self.message(event_id, sender, text, age_ms)]).await;
    }

    /// Pushes the same words so often, in one transaction.
    pub(crate) async fn push_many(&self, count: usize, sender: &str, text: &str) {
        let event = |_| self.message(&format!("${}", subject()), sender, text, 0);
        self.transact(&self.stage.slot.listen(), (0..count).map(event).collect()).await;
    }

    /// A message as Synapse pushes it.
    pub(crate) fn message(&self, event_id: &str, sender: &str, text: &str, age_ms: i64) -> Value {
        json!({
            "type": "m.room.message", "room_id": self.stage.staff, "event_id": event_id, "sender": sender,
            "content": {"msgtype": "m.text", "body": text}, "unsigned": {"age": age_ms},
        })
    }

    /// Pushes any events as Synapse does.
    pub(crate) async fn transact(&self, listen: &str, events: Vec<Value>) {
        let answer = reqwest::Client::new()
            .put(format!("http://{listen}/_matrix/app/v1/transactions/{}", subject()))
            .bearer_auth(&self.stage.slot.hs_token)
            .json(&json!({"events": events}))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }

    /// What the bot has said so far, oldest first.
    pub(crate) async fn said(&self) -> Vec<Value> {
        let mut events = self.stage.admin.messages(&self.stage.staff, 1000).await.unwrap();
        events.reverse();
        events.retain(|event| event["sender"] == self.stage.slot.bot && event["type"] == "m.room.message");
        events
    }

    /// What the bot has answered to a message, so far.
    pub(crate) async fn answers(&self, to: &str) -> Vec<Value> {
        let mut said = self.said().await;
        said.retain(|event| event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == to);
        said
    }

    /// Waits for the answer to a message.
    pub(crate) async fn answer(&self, to: &str) -> Value {
        wait_until(&format!("{to} is answered"), SOON, async || !self.answers(to).await.is_empty()).await.unwrap();
        self.answers(to).await.remove(0)["content"].clone()
    }

    /// Says something and waits for the answer.
    pub(crate) async fn ask(&self, person: &Person, text: &str) -> Value {
        let said = self.say(person, text).await;
        self.answer(&said).await
    }

    /// The newest content of a message of the bot, its edits taken into account.
    pub(crate) async fn now_says(&self, event_id: &str) -> String {
        let said = self.said().await;
        let edit = |event: &&Value| {
            event["content"]["m.relates_to"]["rel_type"] == "m.replace"
                && event["content"]["m.relates_to"]["event_id"] == event_id
        };
        match said.iter().rfind(edit) {
            Some(edit) => edit["content"]["m.new_content"]["body"].as_str().unwrap().to_owned(),
            None => {
                let event = said.iter().find(|event| event["event_id"] == event_id).unwrap();
                event["content"]["body"].as_str().unwrap().to_owned()
            }
        }
    }

    /// Waits until a message of the bot says all of this.
    pub(crate) async fn until_says(&self, event_id: &str, parts: &[&str]) {
        let says = async || {
            let text = self.now_says(event_id).await;
            parts.iter().all(|part| text.contains(part))
        };
        if wait_until(&format!("{event_id} says {parts:?}"), SOON, says).await.is_err() {
            panic!("it says {:?} and not {parts:?}", self.now_says(event_id).await);
        }
    }

    /// Waits for a message of the bot's own that says this, and gives its id.
    pub(crate) async fn posted(&self, part: &str) -> String {
        let find = async || {
            let said = self.said().await;
            let found = said.iter().rfind(|event| {
                event["content"].get("m.relates_to").is_none()
                    && event["content"]["body"].as_str().unwrap_or_default().contains(part)
            });
            found.map(|event| event["event_id"].as_str().unwrap().to_owned())
        };
        wait_until(&format!("the bot posts {part:?}"), SOON, async || find().await.is_some()).await.unwrap();
        find().await.unwrap()
    }

    /// The state of something said; nothing while the service has not heard of it.
    pub(crate) async fn state(&self, event_id: &str) -> Option<String> {
        let mut database = self.stage.connect().await;
        let row = sqlx::query("SELECT state FROM provisioner.commands WHERE event_id = $1").bind(event_id);
        row.fetch_optional(&mut database).await.unwrap().map(|row| row.get("state"))
    }

    /// Waits until something said has come to an end, and gives how it ended.
    pub(crate) async fn ended(&self, event_id: &str) -> String {
        let ended = async || matches!(self.state(event_id).await.as_deref(), Some("ignored" | "answered"));
        let waited = wait_until(&format!("{event_id} has ended"), SOON, ended).await;
        let state = self.state(event_id).await;
        if waited.is_err() {
            let pushed = self.stage.metric("provisioner_events_total{type=\"m.room.message\"}").await;
            panic!("{event_id} has not ended but is {state:?}, of {pushed} messages that Synapse pushed");
        }
        state.unwrap()
    }

    /// The lines of the ledger about commands, newest first.
    pub(crate) async fn ledger(&self) -> Vec<Value> {
        let output = self.stage.service.run_cli(&["history", "--all", "--limit", "1000", "--json"]).await.unwrap();
        let lines = output.json().unwrap();
        lines.as_array().unwrap().iter().filter(|line| line["kind"] == "command").cloned().collect()
    }

    /// A text with everything replaced that differs from run to run.
    pub(crate) fn plain(&self, text: &str) -> String {
        let names = [
            (self.lead_sub.as_str(), "LEAD"),
            (self.member_sub.as_str(), "MEMBER"),
            (self.stage.slot.bot.as_str(), "@BOT"),
            (self.stage.admin.mxid.as_str(), "@ADMIN"),
        ];
        let text = names.iter().fold(text.to_owned(), |text, (name, word)| text.replace(name, word));
        let patterns = [
            (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "TIME"),
            (r"\b\d\d:\d\d:\d\d\b", "CLOCK"),
            (r"\$[A-Za-z0-9_-]{43}", "$EVENT"),
            (r"[0-9a-f]{8}-[0-9a-f]{4}-4000-8000-[0-9a-f]{12}", "SUBJECT"),
            (r"\b[0-9a-f]{8}\b", "ID"),
            (r"![A-Za-z]{18}:[a-z.]+", "!ROOM"),
            // From room version 12 on.
            (r"![A-Za-z0-9_-]{43}", "!ROOM"),
            // Whether an invitation from before the start was pushed by now is as it happens.
            (r" \((came by invitation of|invited by) @ADMIN\)", ""),
            // How many things the doctor looks at is its own business.
            (r"\b\d+ of \d+ checks pass", "SO MANY checks pass"),
            (r"\b\d+ pass\b", "SO MANY pass"),
            // Rooms are filled side by side: who was joined before those who go is as it happens.
            (r"\b\d+ of the roster", "SO MANY of the roster"),
        ];
        patterns.iter().fold(text, |text, (pattern, word)| {
            Regex::new(pattern).unwrap().replace_all(&text, regex::NoExpand(word)).into_owned()
        })
    }

    /// Both forms of an answer, for a snapshot.
    pub(crate) fn forms(&self, content: &Value) -> String {
        assert_eq!((&content["msgtype"], &content["m.mentions"]), (&json!("m.notice"), &json!({})), "{content:#}");
        assert_eq!(content["format"], "org.matrix.custom.html", "{content:#}");
        let (body, html) = (content["body"].as_str().unwrap(), content["formatted_body"].as_str().unwrap());
        // A line a row and a paragraph, so that a change is seen where it is.
        let html = html.replace("><p", ">\n<p").replace("><t", ">\n<t").replace("><ul", ">\n<ul");
        self.plain(&format!("{body}\n\n{html}"))
    }
}

/// A little longer than the service needs to notice anything.
pub(crate) const A_WHILE: Duration = Duration::from_secs(4);
