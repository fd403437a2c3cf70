//! The demo's house with a Staff room that takes commands, people who are called something, and one who commands.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use testbed::{Person, SynapseVersion, wait_until};

use crate::demo::cast::{Actor, CAST, EXEMPT, LATECOMER, by_name};
use crate::demo::changes;
use crate::demo::house::House;
use crate::demo::rooms::Room;
use crate::demo::screen::Screen;

/// Longer than anything takes, on a busy machine.
const SOON: Duration = Duration::from_secs(120);

/// Who commands, and whose client is photographed: a lead of team staff.
pub(crate) const LEAD: &str = "Ada";
/// Is in the Staff room and may not command.
const MEMBER: &str = "Ben";

/// One removal a room goes through by itself: with the second there is something held to show.
const FREE_REMOVALS: &str = "[guard]\nfree_removals = 1\n";

/// The running parts.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) house: House,
    pub(crate) password: String,
    lead: Person,
    member: Person,
}

impl Stage {
    /// Starts all of it: the rooms are filled and the service is ready.
    ///
    /// # Errors
    /// When a step fails.
    pub(crate) async fn set_up(screen: &Screen, version: SynapseVersion) -> Result<Stage> {
        let mut house = House::set_up(screen, version).await?;
        let file = house.service.directory().join("provisioner.toml");
        let config = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        house.service.set_config(&config.replace("[guard]\n", FREE_REMOVALS))?;
        house.command(&["backfill"], &[0]).await?;
        house.command(&["apply"], &[0]).await?;
        changes::prepare(&house).await?;
        name_people(&house).await?;
        let lead = house.login(by_name(LEAD)).await?;
        let member = house.login(by_name(MEMBER)).await?;
        let password = format!("{:x}", fastrand::u128(..));
        let own = json!({ "password": password, "logout_devices": false });
        house.bot.put_user(&lead.mxid, own).await.context("give the lead a password")?;
        let running = async {
            house.service.start_again()?;
            house.service.wait_ready().await
        };
        screen.step("the service runs, with a Staff room that takes commands", running).await?;
        Ok(Stage { house, password, lead, member })
    }

    pub(crate) fn staff(&self) -> &str {
        self.house.room(Room::Staff)
    }

    /// The lead gives a command; gives the id of the answer.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn ask(&self, command: &str) -> Result<String> {
        self.answer_to(&self.lead, command).await
    }

    /// Somebody who may not gives a command.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn ask_as_member(&self, command: &str) -> Result<String> {
        self.answer_to(&self.member, command).await
    }

    /// Somebody says something that is no command: what is posted next begins with who posts it.
    ///
    /// # Errors
    /// When Synapse refuses.
    pub(crate) async fn chat(&self, text: &str) -> Result<()> {
        self.member.send_text(self.staff(), text).await.map(drop)
    }

    async fn answer_to(&self, person: &Person, command: &str) -> Result<String> {
        let said = person.send_text(self.staff(), &format!("!provisioner {command}")).await?.to_string();
        let is_answer = |event: &Value| event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == said.as_str();
        self.until(&format!("{command:?} is answered"), is_answer).await
    }

    /// The posts of the bot's own so far: no answers and no edits.
    ///
    /// # Errors
    /// When Synapse fails.
    pub(crate) async fn posts(&self) -> Result<BTreeSet<String>> {
        let events = self.said().await?;
        Ok(events.iter().filter(|event| is_post(event)).filter_map(id).collect())
    }

    /// Waits for a post that is not among these.
    ///
    /// # Errors
    /// When none comes.
    pub(crate) async fn post_after(&self, before: &BTreeSet<String>) -> Result<String> {
        let is_new = |event: &Value| is_post(event) && id(event).is_some_and(|id| !before.contains(&id));
        self.until("the bot posts something", is_new).await
    }

    /// Waits until a post was edited more often than so.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) async fn edited(&self, post: &str, more_than: usize) -> Result<()> {
        wait_until("the post is edited", SOON, async || self.edits(post).await.is_ok_and(|edits| edits > more_than))
            .await
    }

    /// How often a post was edited.
    ///
    /// # Errors
    /// When Synapse fails.
    pub(crate) async fn edits(&self, post: &str) -> Result<usize> {
        Ok(self.said().await?.iter().filter(|event| is_edit_of(event, post)).count())
    }

    /// The newest edit of a post.
    ///
    /// # Errors
    /// When Synapse fails, or there is none.
    pub(crate) async fn newest_edit(&self, post: &str) -> Result<String> {
        let said = self.said().await?;
        said.iter().find(|event| is_edit_of(event, post)).and_then(id).context("the post was not edited")
    }

    /// Says once more, in the bot's name, what an edit makes of a post, and gives the id of that. The client that is
    /// photographed knows no edits.
    ///
    /// # Errors
    /// When Synapse refuses, or there is no such edit.
    pub(crate) async fn say_again(&self, edit: &str) -> Result<String> {
        let content = self.content(edit).await?["m.new_content"].take();
        let path = format!("/_matrix/client/v3/rooms/{}/send/m.room.message/again-{edit}", self.staff());
        let sent = self.house.bot.call(Method::PUT, &path, Some(content)).await?;
        id(&sent).context("a message without an id")
    }

    /// What a message says, as it was sent.
    ///
    /// # Errors
    /// When Synapse fails, or there is no such message.
    pub(crate) async fn content(&self, message: &str) -> Result<Value> {
        let event = self.said().await?.into_iter().find(|event| event["event_id"] == message);
        Ok(event.context("the message is not among the newest")?["content"].take())
    }

    /// Waits for a membership.
    ///
    /// # Errors
    /// When it does not come.
    pub(crate) async fn until_member(&self, who: &str, room: Room, wanted: &str) -> Result<()> {
        let mxid = self.house.mxid(by_name(who));
        wait_until(&format!("{who} has membership {wanted} in {}", room.name()), SOON, async || {
            self.house.bot.membership_of(self.house.room(room), &mxid).await.is_ok_and(|now| now == wanted)
        })
        .await
    }

    /// What the bot has said lately, newest first.
    async fn said(&self) -> Result<Vec<Value>> {
        let mut events = self.house.bot.messages(self.staff(), 500).await?;
        events.retain(|event| event["sender"] == self.house.bot.mxid.as_str() && event["type"] == "m.room.message");
        Ok(events)
    }

    async fn until(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Result<String> {
        let mut found = None;
        wait_until(what, SOON, async || {
            let said = self.said().await.unwrap_or_default();
            found = said.iter().find(|event| is_it(event)).and_then(id);
            found.is_some()
        })
        .await?;
        found.context("a message without an id")
    }
}

fn id(event: &Value) -> Option<String> {
    event["event_id"].as_str().map(ToOwned::to_owned)
}

fn is_post(event: &Value) -> bool {
    event["content"].get("m.relates_to").is_none()
}

fn is_edit_of(event: &Value, post: &str) -> bool {
    let relation = &event["content"]["m.relates_to"];
    relation["rel_type"] == "m.replace" && relation["event_id"] == post
}

/// Everybody is called as in the demo's tables.
async fn name_people(house: &House) -> Result<()> {
    let has_account = |actor: &&Actor| actor.is_in_pool() || actor.sub == EXEMPT;
    for actor in CAST.iter().filter(has_account).filter(|actor| actor.name != LATECOMER) {
        house.bot.put_user(&house.mxid(actor), json!({ "displayname": actor.name })).await?;
    }
    Ok(())
}
