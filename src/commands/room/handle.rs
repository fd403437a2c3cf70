//! One message or reaction, from its row in the database to its answer. Each step is durable before the next, so that a kill
//! anywhere loses nothing and does nothing twice.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tracing::{info, warn};

use crate::causes::told;
use crate::commands::posts::message::{self, ReplyTarget};
use crate::commands::posts::send::OutgoingEvent;
use crate::commands::room::desk::Desk;
use crate::commands::room::turn::{CommandTurn, Requester};
use crate::commands::run::{CommandFailure, CommandResult, Effect, command};
use crate::commands::text::incoming::{Decision, IncomingEvent, IncomingKind, parse_incoming};
use crate::commands::text::reply::{Reply, text};
use crate::operations;
use crate::store::{CommandEntry, CommandRow, CommandState};

/// A message or reaction, with what answering it takes.
#[derive(Debug)]
pub(crate) struct DeskTask {
    pub(crate) event_id: String,
    /// Where it was said.
    pub(crate) room_id: String,
    pub(crate) sender: String,
    pub(crate) target: ReplyTarget,
    /// It was begun before a restart, and only reads.
    pub(crate) again: bool,
    /// Kept until it has its effect.
    pub(crate) turn: Arc<CommandTurn>,
    /// The number of its row: greater than that of whatever was heard before it.
    pub(crate) heard: i64,
}

/// What the ledger keeps of a command that a restart cut short.
const NOT_TWICE: &str = "interrupted by a restart; not run twice";

impl DeskTask {
    pub(crate) fn requester(&self) -> Requester<'_> {
        Requester { sender: &self.sender, turn: &self.turn, heard: self.heard }
    }

    /// Whose it is, for the ledger.
    pub(crate) fn cause(&self, words: &str) -> String {
        format!("{words} by {} in the Staff room ({})", self.sender, self.event_id)
    }
}

impl Desk {
    /// Brings one row to its end. An error leaves it for another try.
    pub(crate) async fn handle(&self, row: CommandRow, turn: &Arc<CommandTurn>) -> Result<()> {
        if let (Some(content), CommandState::Ended) = (&row.answer, row.state) {
            return self.deliver(&row.room_id, &row.event_id, content, true).await;
        }
        if row.room_id != self.staff.room_id && row.state == CommandState::Heard {
            return self.said_elsewhere(&row).await;
        }
        let event = row.event.as_deref().unwrap_or_default();
        let Some(heard) = parse_incoming(&row.event_id, event, &self.staff.prefix, &self.staff.bot) else {
            return self.ignore_row(&row.event_id, row.state).await;
        };
        let age = age_when_received(&heard, row.waited);
        if row.after_start < age {
            // From before there was a service to hear it.
            return self.ignore_row(&row.event_id, row.state).await;
        }
        let IncomingEvent { sender, what, .. } = heard;
        let (again, turn, heard) = (row.state == CommandState::Taken, Arc::clone(turn), row.id);
        match what {
            IncomingKind::Command { spoken, thread } => {
                let target = ReplyTarget { thread, to: row.event_id.clone() };
                let (event_id, room_id) = (row.event_id, row.room_id);
                let task = DeskTask { event_id, room_id, sender, target, again, turn, heard };
                if task.again
                    && row.command.as_deref().and_then(command).is_none_or(|command| command.effect != Effect::Reads)
                {
                    return self.interrupted(&task).await;
                }
                self.handle_command(&task, &spoken, age + row.waited).await
            }
            IncomingKind::Reaction { to, decision } => {
                let target = ReplyTarget { thread: Some(to.clone()), to };
                let (event_id, room_id) = (row.event_id, row.room_id);
                let task = DeskTask { event_id, room_id, sender, target, again, turn, heard };
                let Some(post) = self.store.held_post(&task.target.to).await.context("look for the post")? else {
                    return self.ignore_row(&task.event_id, row.state).await;
                };
                let tapped_ago = age + row.waited;
                match (task.again, decision) {
                    (false, _) => self.handle_decision(&task, &post, decision, tapped_ago).await,
                    (true, Decision::Approve) => self.interrupted(&task).await,
                    (true, Decision::Dismiss) => self.finish_no(&task, &post, tapped_ago).await,
                }
            }
        }
    }

    /// A message in another room than this desk's: in the successor, where the desk moves in a moment, or in a room that was
    /// left.
    async fn said_elsewhere(&self, row: &CommandRow) -> Result<()> {
        let policy = operations::policy_in_force(&self.store, &self.staff.policy).await?;
        let now = policy.rooms.iter().find(|room| room.key == self.staff.key);
        if now.is_some_and(|now| now.id == row.room_id) {
            bail!("the Staff room is another one now, and is listened to in a moment");
        }
        self.ignore(&row.event_id).await
    }

    /// The same of what may have been begun: under another prefix, say.
    async fn ignore_row(&self, event_id: &str, state: CommandState) -> Result<()> {
        match state {
            CommandState::Taken => {
                let ended = self.store.end_command(event_id, "failed", Some(NOT_TWICE), None).await;
                ended.context("end a command that is not for us any more")
            }
            _ => self.ignore(event_id).await,
        }
    }

    pub(crate) async fn ignore(&self, event_id: &str) -> Result<()> {
        self.store.ignore_command(event_id).await.context("note that something is not for us")
    }

    /// Claims a task and writes its `started` line to the ledger, with these `words`. False where it was claimed before.
    pub(crate) async fn begin(
        &self,
        task: &DeskTask,
        name: &'static str,
        words: &str,
        user_id: Option<String>,
        room_key: Option<String>,
    ) -> Result<bool> {
        let entry = CommandEntry {
            event_id: task.event_id.clone(),
            sender: task.sender.clone(),
            command: name,
            cause: task.cause(words),
            user_id,
            room_key,
        };
        self.store.claim_command(&entry).await.context("take a command")
    }

    /// Writes what came of a task, and answers.
    pub(crate) async fn end(
        &self,
        task: &DeskTask,
        name: &'static str,
        reply: Option<Reply>,
        outcome: &'static str,
        detail: Option<&str>,
    ) -> Result<()> {
        let answer = self.describe_end(task, name, reply, outcome).await;
        let ended = self.store.end_command(&task.event_id, outcome, detail, answer.as_ref()).await;
        ended.context("end a command")?;
        task.turn.end();
        self.deliver_end(task, answer.as_ref()).await
    }

    /// Tells log and metrics of the end of a task, and returns the answer, where there is one, as it is sent.
    pub(crate) async fn describe_end(
        &self,
        task: &DeskTask,
        name: &'static str,
        reply: Option<Reply>,
        outcome: &'static str,
    ) -> Option<Value> {
        metrics::counter!("provisioner_commands_total", "command" => name, "outcome" => outcome).increment(1);
        info!(command = name, user.id = task.sender, event.id = task.event_id, outcome, "command");
        Some(message::answer(&self.render(&reply?).await, &task.target))
    }

    /// Sends the answer to a task that has ended, where there is one.
    pub(crate) async fn deliver_end(&self, task: &DeskTask, answer: Option<&Value>) -> Result<()> {
        let Some(content) = answer else { return Ok(()) };
        let DeskTask { room_id, event_id, .. } = task;
        self.deliver(room_id, event_id, content, false).await
    }

    /// Sends an answer, which the process before a restart may have sent.
    async fn deliver(&self, room_id: &str, event_id: &str, content: &Value, perhaps_sent: bool) -> Result<()> {
        let transaction_id = &format!("answer-{event_id}");
        let sent = self
            .send_answer(OutgoingEvent { room_id, kind: "m.room.message", transaction_id, content, perhaps_sent })
            .await;
        if let Err(error) = &sent {
            warn!(event.id = event_id, "a command cannot be answered: {error}");
        }
        let reply = sent.ok();
        self.store.note_answered(event_id, reply.as_deref()).await.context("note that a command is answered")
    }

    /// A restart cut short a command that changes something, and nobody knows how far it came.
    async fn interrupted(&self, task: &DeskTask) -> Result<()> {
        let reply = Reply::line([
            text("Interrupted: the service stopped before this ended, and it is not run twice. See "),
            crate::commands::text::reply::code(self.typed("history")),
            text(" for what was done, and say it again if it was not."),
        ]);
        self.end(task, "interrupted", Some(reply), "failed", Some(NOT_TWICE)).await
    }

    /// Ends a task with what came of its command.
    pub(crate) async fn end_by(&self, task: &DeskTask, name: &'static str, ran: CommandResult) -> Result<()> {
        match ran {
            Ok(reply) => self.end(task, name, Some(reply), "done", None).await,
            Err(CommandFailure::Refused { reply, detail }) => {
                self.end(task, name, Some(reply), "failed", Some(&detail)).await
            }
            Err(CommandFailure::NotLeader(closed)) => Err(closed.into()),
            Err(CommandFailure::Broken(error)) => {
                warn!(command = name, event.id = task.event_id, "a command failed: {}", told(error.as_ref()));
                let reply = Reply::line([text(format!("That failed: could not {error}. The log says more."))]);
                self.end(task, name, Some(reply), "failed", Some(&told(error.as_ref()))).await
            }
        }
    }
}

/// Seconds between the event and its reception.
fn age_when_received(event: &IncomingEvent, waited: f64) -> f64 {
    let by_the_push = event.age_ms.map(|age| age as f64 / 1000.0);
    let by_the_clock = || {
        let sent = event.sent_ms? as f64 / 1000.0;
        Some(chrono::Utc::now().timestamp() as f64 - sent - waited)
    };
    by_the_push.or_else(by_the_clock).unwrap_or_default().max(0.0)
}

impl Decision {
    /// As the ledger names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Dismiss => "dismiss",
        }
    }
}
