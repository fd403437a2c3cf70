//! Letting senders in, and refusing: one who may not command costs one line of the ledger an hour, whatever they say.

use std::time::Instant;

use anyhow::{Context, Result};
use tracing::info;

use crate::commands::room::admit::NotAdmitted;
use crate::commands::room::desk::Desk;
use crate::commands::room::handle::DeskTask;
use crate::commands::text::reply::{Reply, text};
use crate::reconcile::ActionGate;
use crate::store::RefusedCommand;

impl Desk {
    /// Admits a sender who may give commands. Returns `None` where they may not, or are too fast: the task is then refused and
    /// done. The same where they have taken it back.
    pub(crate) async fn let_in(&self, task: &DeskTask, name: &'static str) -> Result<Option<ActionGate>> {
        if !task.again && !self.with_limits(|limits| limits.allows(&task.sender, Instant::now())) {
            let words = "That is more than I answer in a minute. Say it again later.";
            self.turn_away_hourly(task, name, "pace", words, "refused: too many commands in a minute").await?;
            return Ok(None);
        }
        let denied = match self.admits(&task.sender).await? {
            // What was begun is ended, taken back or not.
            Ok(_) if !task.again && self.is_taken_back(task).await? => {
                info!(
                    command = name,
                    user.id = task.sender,
                    event.id = task.event_id,
                    "taken back before it was begun"
                );
                self.ignore(&task.event_id).await?;
                return Ok(None);
            }
            Ok(gate) => return Ok(Some(gate)),
            Err(denied) => denied,
        };
        let (words, detail) = (denied.words(&self.staff.policy.operators), denied.detail());
        match denied {
            // They may be somebody who commands: each time is told of, or they would wait for an answer.
            NotAdmitted::Unsure(_) => self.turn_away(task, name, Some(Reply::line([text(words)])), &detail).await?,
            _ => self.turn_away_hourly(task, name, "denied", &words, &detail).await?,
        }
        Ok(None)
    }

    /// Refuses a sender, in words the first time within an hour. When that fails they have not been told, and the next try says it.
    async fn turn_away_hourly(
        &self,
        task: &DeskTask,
        name: &'static str,
        of: &'static str,
        words: &str,
        detail: &str,
    ) -> Result<()> {
        let is_told = self.with_limits(|limits| limits.tells(&task.sender, of, Instant::now()));
        let reply = is_told.then(|| Reply::line([text(words)]));
        let ended = self.turn_away(task, name, reply, detail).await;
        if is_told && ended.is_err() {
            self.with_limits(|limits| limits.forget_told(&task.sender, of));
        }
        ended
    }

    /// Refuses a sender: counted, and in the ledger with the first of an hour.
    async fn turn_away(&self, task: &DeskTask, name: &'static str, reply: Option<Reply>, detail: &str) -> Result<()> {
        if task.again {
            // Its line in the ledger was begun while they still might.
            return self.end(task, name, reply, "failed", Some(detail)).await;
        }
        let answer = self.describe_end(task, name, reply, "failed").await;
        let DeskTask { event_id, sender, .. } = task;
        let (cause, answer) = (&task.cause(name), answer.as_ref());
        let refused = RefusedCommand { event_id, sender, command: name, cause, detail, answer };
        let is_refused = self.store.refuse_command(&refused).await.context("refuse a command")?;
        task.turn.end();
        if is_refused {
            self.deliver_end(task, answer).await?;
        }
        Ok(())
    }

    /// Refuses what somebody said who may command, and says so, where there is something to say. It has lines of its own in the
    /// ledger.
    pub(crate) async fn refuse(
        &self,
        task: &DeskTask,
        name: &'static str,
        reply: Option<Reply>,
        detail: &str,
    ) -> Result<()> {
        if !task.again && !self.begin(task, name, name, None, None).await? {
            return Ok(());
        }
        self.end(task, name, reply, "failed", Some(detail)).await
    }
}
