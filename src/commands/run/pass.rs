//! Asking for a pass, as `apply` on the command line does, and waiting for its report. `sync` is no more than that.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use super::CommandFailure;
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::reconcile::{ActionGate, PassReport};

/// How often the report is looked for.
const LOOK: Duration = Duration::from_millis(200);

/// A pass that shows no progress for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// Failures that are shown; the ledger has them all.
const SHOWN: usize = 10;

impl Desk {
    /// Reads everything again and does what is due.
    pub(crate) async fn sync(&self, by: &str, gate: Option<ActionGate>) -> Result<Reply, CommandFailure> {
        let report = self.ask_for_pass(None, by, gate).await?;
        self.report(&report)
    }

    /// Has a pass done, and waits for its report. `gate` is kept until it is asked for, so that the report has it all.
    pub(crate) async fn ask_for_pass(
        &self,
        approve: Option<&str>,
        by: &str,
        gate: Option<ActionGate>,
    ) -> Result<PassReport, CommandFailure> {
        let id = self.store.request_pass(approve, by).await.context("ask for a pass")?;
        self.reconciler.ask_for_pass();
        drop(gate);
        let (mut progress, mut since) = (None, Instant::now());
        loop {
            let request = self.store.pass_request(id).await.context("look for the report of the pass")?;
            let request = request.ok_or_else(|| anyhow!("find the request for the pass again"))?;
            if let Some(report) = request.report {
                return Ok(serde_json::from_value(report).context("read the report of the pass")?);
            }
            if request.progress != progress {
                (progress, since) = (request.progress, Instant::now());
            }
            if since.elapsed() > PATIENCE {
                self.store.withdraw_pass_request(id).await.context("take the request for a pass back")?;
                return Err(CommandFailure::refused(
                    "the pass makes no progress; look at the service's log and /readyz",
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The report as an answer; a failure where the pass could not do its work.
    pub(crate) fn report(&self, report: &PassReport) -> Result<Reply, CommandFailure> {
        let mut reply = Reply::line([strong(outcome(report)), text(counts(report))]);
        let failed = report.failed.iter().take(SHOWN).map(|one| {
            let (room, user) = (one.room.as_deref().unwrap_or_default(), one.user.as_deref().unwrap_or_default());
            vec![text(format!("{} ", one.kind)), code(room), text(" "), code(user), text(format!(": {}", one.error))]
        });
        reply = reply.and_list(failed).and_list(report.errors.iter().map(|error| vec![text(error)]));
        if let Some(id) = &report.held_id {
            reply = reply.and([text("What is held is carried out by "), code(self.typed(&format!("apply {id}")))]);
        }
        if report.paused.is_some() {
            reply = reply.and([text("Everything is paused, and nothing was written. "), code(self.typed("resume"))]);
        }
        if report.exit_code() == 1 {
            return Err(CommandFailure::Refused { reply, detail: format!("{}{}", outcome(report), counts(report)) });
        }
        Ok(reply)
    }
}

/// One word, or a few, for what came of a pass.
pub(crate) fn outcome(report: &PassReport) -> &'static str {
    match report.outcome() {
        "done" => "Done",
        "held" => "Done, but for what is held",
        "paused" => "Not done: paused",
        _ => "Not all of it could be done",
    }
}

/// `: 3 changes made, 2 held.`, of what there was any.
pub(crate) fn counts(report: &PassReport) -> String {
    let counts = [
        (report.done, if report.done == 1 { "change made" } else { "changes made" }),
        (report.already_so, "already so"),
        (report.failed.len(), "failed"),
        (report.held, "held"),
        (report.waiting, "waiting"),
        (report.observed, "observed only"),
        (report.blocked, "blocked"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if counts.is_empty() { ": there was nothing to do.".to_owned() } else { format!(": {}.", counts.join(", ")) }
}
