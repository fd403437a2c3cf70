//! Posts of held plans: what the guard holds, with counts and reasons. A reaction or `apply` decides it, and the message is
//! edited to say what came of it.

use anyhow::{Context, Result};
use provisioner_policy::Plan;
use serde_json::Value;

use crate::commands::posts::message;
use crate::commands::posts::send::OutgoingEvent;
use crate::commands::room::desk::Desk;
use crate::commands::room::dispatch::see;
use crate::commands::room::handle::DeskTask;
use crate::commands::run::{CommandFailure, count_table, counts, outcome, plan_lines};
use crate::commands::text::incoming::Decision;
use crate::commands::text::reply::{Reply, Table, code, strong, text};
use crate::reconcile::{ActionGate, Freshness, NotLeader, PassReport, Reconciler};
use crate::store::{HeldPost, HeldPostState};

/// Actions that a post names.
const NAMED: usize = 12;

impl Desk {
    /// Approves the held plan called `id`, for `by`; its post says so.
    pub(crate) async fn carry_out_held(
        &self,
        id: &str,
        by: &str,
        gate: Option<ActionGate>,
    ) -> Result<PassReport, CommandFailure> {
        let newest = self.store.newest_held_post().await.context("look for the post")?;
        let mut post = newest.filter(|post| post.held_id == id);
        if let Some(there) = &post
            && !self
                .store
                .change_held_post(there.id, &HeldPostState::UNDECIDED, HeldPostState::Deciding)
                .await
                .context("mark the post")?
        {
            post = None;
        }
        if let Some(post) = &post {
            let reply = shown(post).and([strong("Approved"), text(" by "), code(by), text("; working on it …")]);
            self.edit_post(post, "deciding", &reply).await;
        }
        let report = self.ask_for_pass(Some(id), by, gate).await;
        if let Some(post) = &post {
            let (from, to) = ([HeldPostState::Deciding], HeldPostState::Decided);
            self.store.change_held_post(post.id, &from, to).await.context("mark the post")?;
            let what = match &report {
                Ok(report) => format!("{}{}", outcome(report), counts(report)),
                Err(_) => "The pass did not end; see the history.".to_owned(),
            };
            let errors = report.iter().flat_map(|report| &report.errors).map(|error| vec![text(error)]);
            let reply = shown(post)
                .and([strong("Approved"), text(" by "), code(by), text(format!(". {what}"))])
                .and_list(errors);
            self.edit_post(post, "decided", &reply).await;
        }
        report
    }

    /// Acts on a reaction to a post of ours.
    pub(crate) async fn handle_decision(&self, task: &DeskTask, post: &HeldPost, decision: Decision) -> Result<()> {
        let name = decision.name();
        if self.let_in(task, name).await?.is_none() {
            return Ok(());
        }
        if !post.is_undecided() {
            let reply = self.already(post).await?;
            return self
                .refuse(task, name, Some(reply), &format!("refused: that plan is {}", post.state.as_str()))
                .await;
        }
        if !self.begin(task, name, &format!("{name} {}", post.held_id), None, None).await? {
            return Ok(());
        }
        match decision {
            Decision::Approve => {
                match self.apply(&post.held_id, &task.sender).await {
                    // The post itself says what came of it.
                    Ok(_) => self.end(task, name, None, "done", None).await,
                    failed => self.end_by(task, name, failed).await,
                }
            }
            Decision::Dismiss => {
                let (from, to) = ([HeldPostState::Open], HeldPostState::Dismissed);
                if self.store.change_held_post(post.id, &from, to).await.context("mark the post")? {
                    // `status`, the metric and the command line say so too.
                    let (id, by) = (&post.held_id, &task.sender);
                    self.store.dismiss_held_plan(id, by).await.context("dismiss the plan")?;
                    let reply = shown(post).and([
                        strong("Dismissed"),
                        text(" by "),
                        code(&task.sender),
                        text(" until it changes. ✅ still approves it."),
                    ]);
                    self.edit_post(post, "dismissed", &reply).await;
                }
                self.end(task, name, None, "done", None).await
            }
        }
    }

    /// The reply to a reaction to a post that cannot be decided any more.
    async fn already(&self, post: &HeldPost) -> Result<Reply> {
        let lead = match post.state {
            HeldPostState::Superseded => "Nothing was done: that plan has changed since.",
            HeldPostState::Gone => "Nothing was done: that plan is not held any more.",
            _ => "Nothing was done: that plan was decided already.",
        };
        let newest = self.store.newest_held_post().await.context("look for the newest post")?;
        let newest = newest.filter(HeldPost::is_undecided);
        Ok(match newest {
            Some(newest) => {
                Reply::line([text(lead), text(" Look at the newer message about plan "), code(&newest.held_id)])
                    .and_reply(see(
                        "To carry that one out, react to it, or: ",
                        self.typed(&format!("apply {}", newest.held_id)),
                    ))
            }
            None => Reply::line([text(lead), text(" Nothing is held now: "), code(self.typed("plan"))]),
        })
    }

    /// Posts the held plan `id`, if it is still what is held.
    pub(crate) async fn post_held(&self, id: &str) -> Result<Option<HeldPost>> {
        let Some(description) = self.describe_held(id).await? else { return Ok(None) };
        let description = serde_json::to_value(description).context("write the post")?;
        let post = self.store.add_held_post(id, &self.staff.room_id, &description).await.context("note the post")?;
        self.send_held(&post, false).await?;
        Ok(Some(post))
    }

    /// Sends a post that was noted, with the two reactions to tap on.
    pub(crate) async fn send_held(&self, post: &HeldPost, perhaps_sent: bool) -> Result<()> {
        let reply = shown(post)
            .and([
                strong("✅"),
                text(" carries this out, exactly as shown; "),
                strong("❌"),
                text(" dismisses it until it changes."),
            ])
            .and_reply(see("Or: ", self.typed(&format!("apply {}", post.held_id))));
        let (content, transaction_id) = (message::notice(&reply.render()), format!("held-{}", post.id));
        let event = OutgoingEvent {
            room_id: &post.room_id,
            kind: "m.room.message",
            transaction_id: &transaction_id,
            content: &content,
            perhaps_sent,
        };
        let event_id = self.send(event).await?;
        self.store.note_held_post_sent(post.id, &event_id).await.context("note that the post was sent")?;
        for (name, key) in [("approve", "✅"), ("dismiss", "❌")] {
            let content = message::reaction(&event_id, key);
            let transaction_id = format!("held-{}-{name}", post.id);
            let (transaction_id, content) = (&*transaction_id, &content);
            self.send(OutgoingEvent { kind: "m.reaction", transaction_id, content, ..event }).await?;
        }
        self.store.note_held_post_reactions(post.id).await.context("note that the reactions were sent")
    }

    /// Edits a post to say that it can no longer be decided.
    pub(crate) async fn close_held(&self, post: &HeldPost, state: HeldPostState, words: &str) -> Result<()> {
        if self.store.change_held_post(post.id, &HeldPostState::UNDECIDED, state).await.context("mark the post")? {
            self.edit_post(post, state.as_str(), &shown(post).and([strong(words)])).await;
        }
        Ok(())
    }

    /// Says on a post that the service stopped while its plan was carried out.
    pub(crate) async fn show_cut_short(&self, post: &HeldPost, by: Option<&str>) {
        let reply = shown(post).and([
            strong("Approved"),
            text(by.map(|by| format!(" by {by}")).unwrap_or_default()),
            text(", and the service stopped before it was done. For what was done see "),
            code(self.typed("history")),
            text("; what is still held gets a message of its own."),
        ]);
        self.edit_post(post, "cut-short", &reply).await;
    }

    async fn edit_post(&self, post: &HeldPost, state: &str, reply: &Reply) {
        if let Some(event_id) = &post.event_id {
            self.edit(&post.room_id, event_id, &format!("held-{}-{state}", post.id), reply).await;
        }
    }

    async fn describe_held(&self, id: &str) -> Result<Option<Reply>, NotLeader> {
        let id = id.to_owned();
        let describe = move |reconciler: &Reconciler, plan: &Plan| {
            let world = reconciler.world();
            (plan.held_id(world).as_deref() == Some(&id)).then(|| {
                let (named, counted) = plan_lines(world, plan.held(), NAMED);
                let total: usize = counted.values().sum();
                let counted = counted.into_iter().map(|((room, kind, _), count)| ((room, kind, ""), count)).collect();
                let mut reasons: Vec<&str> = named.iter().filter_map(|one| one.held_because.as_deref()).collect();
                reasons.sort_unstable();
                reasons.dedup();
                let mut actions = Table::new(["change", "room", "user", "because"]);
                for one in &named {
                    actions.row([text(one.kind), code(&one.room), code(&one.user), text(&one.because)]);
                }
                let reply =
                    Reply::line([strong(format!("The guard holds {total}")), text(" as plan "), code(&id), text(":")])
                        .and_table(count_table(&counted))
                        .and_list(reasons.iter().map(|reason| vec![text(format!("held because {reason}"))]))
                        .and_table(actions);
                match total - named.len() {
                    0 => reply,
                    more => reply.and([text(format!("{more} more."))]),
                }
            })
        };
        self.reconciler.query_plan(Freshness::AsKnown, describe).await
    }
}

/// What a post shows beside its outcome.
fn shown(post: &HeldPost) -> Reply {
    let Value::Object(_) = &post.shown else { return Reply::default() };
    serde_json::from_value(post.shown.clone()).unwrap_or_default()
}
