//! Posts of held plans: sent, edited while the plan keeps changing, and edited to say what came of it.

use anyhow::{Context, Result};
use provisioner_policy::{Plan, short_id};
use serde_json::Value;

use crate::commands::posts::describe::{Description, describe, offer};
use crate::commands::posts::message::{self, ReplyTarget};
use crate::commands::posts::send::{OutgoingEdit, OutgoingEvent};
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::reconcile::{Freshness, NotLeader, Reconciler};
use crate::store::{HeldPost, HeldPostContent, HeldPostState};

impl Desk {
    /// Posts what is held.
    pub(crate) async fn post_held(&self, description: &Description) -> Result<()> {
        let (shown, pages) = values(description)?;
        let content = content(description, &shown, &pages);
        let post = self.store.add_held_post(&self.staff.room_id, content).await.context("note the post")?;
        self.send_held(&post, false).await
    }

    /// Edits a post to show what is held now, if nobody has decided meanwhile.
    pub(crate) async fn update_held(&self, post: &HeldPost, description: &Description) -> Result<()> {
        let (shown, pages) = values(description)?;
        let content = content(description, &shown, &pages);
        let changed = self.store.change_held_post_content(post.id, content).await.context("note the edit")?;
        match changed {
            Some(post) => self.send_update(&post, false).await,
            None => Ok(()),
        }
    }

    /// Sends an edit that was noted. Until Synapse has taken it, the message shows what it showed before.
    pub(crate) async fn send_update(&self, post: &HeldPost, perhaps_sent: bool) -> Result<()> {
        if let Some(event_id) = &post.event_id {
            self.send_pages(post, event_id, perhaps_sent).await?;
        }
        if self.edit_post(post, &post.edits.to_string(), post.state, &self.offer(post)).await {
            self.store.note_held_post_edited(post.id, post.edits).await.context("note that the post was edited")?;
        }
        Ok(())
    }

    /// Sends a post that was noted: first everybody that it names, then the two reactions to tap on.
    pub(crate) async fn send_held(&self, post: &HeldPost, perhaps_sent: bool) -> Result<()> {
        let rendered = self.render(&self.offer(post)).await;
        let (content, transaction_id) = (message::notice(&rendered), format!("held-{}", post.id));
        let event = OutgoingEvent {
            room_id: &post.room_id,
            kind: "m.room.message",
            transaction_id: &transaction_id,
            content: &content,
            perhaps_sent,
        };
        let event_id = self.send(event).await?;
        self.store.note_held_post_sent(post.id, &event_id).await.context("note that the post was sent")?;
        self.send_pages(post, &event_id, perhaps_sent).await?;
        for (name, key) in [("approve", "✅"), ("dismiss", "❌")] {
            if !post.offers_approval && name == "approve" {
                continue;
            }
            let content = message::reaction(&event_id, key);
            let transaction_id = format!("held-{}-{name}", post.id);
            let (transaction_id, content) = (&*transaction_id, &content);
            self.send(OutgoingEvent { kind: "m.reaction", transaction_id, content, ..event }).await?;
        }
        self.store.note_held_post_reactions(post.id).await.context("note that the reactions were sent")
    }

    async fn send_pages(&self, post: &HeldPost, event_id: &str, perhaps_sent: bool) -> Result<()> {
        let pages: Vec<Reply> = serde_json::from_value(post.pages.clone()).unwrap_or_default();
        let target = ReplyTarget { thread: Some(event_id.to_owned()), to: event_id.to_owned() };
        for (number, page) in pages.iter().enumerate() {
            let content = &message::answer(&self.render(page).await, &target);
            let transaction_id = &format!("held-{}-{}-{number}", post.id, short_id(&post.held_id));
            let (room_id, kind) = (&post.room_id, "m.room.message");
            self.send(OutgoingEvent { room_id, kind, transaction_id, content, perhaps_sent }).await?;
        }
        Ok(())
    }

    fn offer(&self, post: &HeldPost) -> Reply {
        offer(shown(post), &post.held_id, post.offers_approval, &self.typed("apply"))
    }

    /// Edits a post to say that it does not stand for what is held any more.
    pub(crate) async fn close_held(&self, post: &HeldPost, state: HeldPostState, words: &str) -> Result<()> {
        if self.store.change_held_post(post.id, &HeldPostState::UNDECIDED, state).await.context("mark the post")? {
            let reply = what_became_of(post, Reply::line([strong(words)]));
            self.end_post(post, state.as_str(), state, &reply, false).await;
        }
        Ok(())
    }

    /// Says on a post that the service stopped while its plan was carried out.
    pub(crate) async fn show_cut_short(&self, post: &HeldPost, by: Option<&str>) {
        let reply = Reply::line([
            strong("Approved"),
            text(by.map(|by| format!(" by {by}")).unwrap_or_default()),
            text(", and the service stopped before it could say here what came of it. See "),
            code(self.typed("history")),
            text("; what is still held, and nobody said no to, gets a message of its own."),
        ]);
        self.end_post(post, "cut-short", HeldPostState::Deciding, &what_became_of(post, reply), false).await;
    }

    /// Edits a post that is edited again, as long as it is in the state that the edit tells of. Says whether Synapse took it.
    pub(super) async fn edit_post(&self, post: &HeldPost, edit: &str, tells: HeldPostState, reply: &Reply) -> bool {
        let Some(event_id) = &post.event_id else { return false };
        let (room_id, transaction_id, tells) = (&post.room_id, &transaction(post, edit), Some(tells));
        self.edit(OutgoingEdit { room_id, event_id, transaction_id, reply, perhaps_sent: false, tells }).await.is_ok()
    }

    /// Edits a post to say what became of it, as patiently as an answer is sent, and as long as it is in the state that the edit
    /// tells of. What is `perhaps_sent` is looked for first.
    pub(super) async fn end_post(
        &self,
        post: &HeldPost,
        edit: &str,
        tells: HeldPostState,
        reply: &Reply,
        perhaps_sent: bool,
    ) {
        let Some(event_id) = &post.event_id else { return };
        let (room_id, transaction_id, tells) = (&post.room_id, &transaction(post, edit), Some(tells));
        // What Synapse does not take is in the log, and nothing else can be done about it.
        let _ = self.edit_last(OutgoingEdit { room_id, event_id, transaction_id, reply, perhaps_sent, tells }).await;
    }

    /// What the plan holds in words, where it holds anything. While something cannot be read that may be less than what is held.
    pub(super) async fn describe_held(&self) -> Result<Option<Description>, NotLeader> {
        let apply = self.typed("apply");
        let look = move |reconciler: &Reconciler, plan: &Plan| describe(reconciler.world(), plan, &apply);
        self.reconciler.query_plan(Freshness::AsKnown, look).await
    }
}

/// The transaction id of an edit of a post.
fn transaction(post: &HeldPost, edit: &str) -> String {
    format!("held-{}-{edit}", post.id)
}

fn values(description: &Description) -> Result<(Value, Value)> {
    let value = |shown: serde_json::Result<Value>| shown.context("write the post");
    Ok((value(serde_json::to_value(&description.first))?, value(serde_json::to_value(&description.pages))?))
}

fn content<'a>(description: &'a Description, shown: &'a Value, pages: &'a Value) -> HeldPostContent<'a> {
    HeldPostContent { held_id: &description.id, shown, pages, offers_approval: description.offers_approval }
}

/// What became of a post, and below it what it showed. Clients that know no edits show the first line alone.
pub(super) fn what_became_of(post: &HeldPost, outcome: Reply) -> Reply {
    outcome.and([text("What was asked:")]).and_reply(shown(post))
}

/// What a post shows beside its outcome.
fn shown(post: &HeldPost) -> Reply {
    let mut shown = post.shown.clone();
    // Posts of an earlier release may have tables.
    if let Some(blocks) = shown.get_mut("blocks").and_then(Value::as_array_mut) {
        blocks.retain(|block| block.get("Table").is_none());
    }
    serde_json::from_value(shown).unwrap_or_default()
}
