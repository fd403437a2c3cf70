//! Asking for a pass, as `apply` on the command line does, and waiting for its report. `sync` is no more than that.

use super::{CommandFailure, CommandResult};
use crate::commands::room::desk::Desk;
use crate::commands::room::turn::Requester;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::operations;
use crate::reconcile::{ActionGate, PassReport};

/// Failures that are shown; the ledger has them all.
const SHOWN: usize = 10;

impl Desk {
    /// Reads everything again and does what is due.
    pub(crate) async fn sync(&self, by: Requester<'_>, gate: Option<ActionGate>) -> CommandResult {
        let report = self.ask_for_pass(by, gate).await?;
        self.report(&report)
    }

    /// Has a pass done, and waits for its report. `gate` is kept until it is asked for, so that the report has it all, and so is
    /// the turn: a pass may take long, and `pause` must not wait for it.
    pub(crate) async fn ask_for_pass(
        &self,
        by: Requester<'_>,
        gate: Option<ActionGate>,
    ) -> Result<PassReport, CommandFailure> {
        let id = self.request_pass(None, by, gate).await?;
        self.wait_for_report(id).await
    }

    /// Asks for a pass, and gives its number.
    pub(crate) async fn request_pass(
        &self,
        approve: Option<(&str, Option<&str>)>,
        by: Requester<'_>,
        gate: Option<ActionGate>,
    ) -> Result<i64, CommandFailure> {
        let id = operations::request_pass(&self.store, approve, by.sender, Some(by.heard)).await?;
        self.reconciler.ask_for_pass();
        drop(gate);
        by.turn.end();
        Ok(id)
    }

    pub(crate) async fn wait_for_report(&self, id: i64) -> Result<PassReport, CommandFailure> {
        let report = operations::wait_for_report(&self.store, id, |_, _| {}).await?;
        report
            .ok_or_else(|| CommandFailure::refused("the pass makes no progress; look at the service's log and /readyz"))
    }

    /// The report as an answer; a failure where the pass could not do its work.
    pub(crate) fn report(&self, report: &PassReport) -> CommandResult {
        let mut reply = Reply::line([strong(outcome(report)), text(counts(report))]);
        let failed = report.failed.iter().take(SHOWN).map(|one| {
            let (room, user) = (one.room.as_deref().unwrap_or_default(), one.user.as_deref().unwrap_or_default());
            let lead = vec![text(format!("{} ", one.kind)), code(room), text(" "), code(user), text(": ")];
            [lead, self.words(&one.error)].concat()
        });
        reply = reply.and_list(failed).and_list(report.errors.iter().map(|error| self.words(error)));
        if let Some(id) = &report.held_id {
            reply =
                reply.and([text("Nothing of what is held happens until somebody says: "), code(self.typed_apply(id))]);
        }
        if report.paused.is_some() {
            let more = if report.done > 0 { "nothing more" } else { "nothing" };
            let lead = text(format!("Everything is paused, and {more} was written. To go on: "));
            reply = reply.and([lead, code(self.typed("resume"))]);
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
        (report.not_due, "no longer due"),
        (report.held, "held"),
        (report.waiting, "waiting"),
        (report.settling, "settling"),
        (report.observed, "only counted"),
        (report.blocked, "blocked"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if counts.is_empty() { ": there was nothing to do.".to_owned() } else { format!(": {}.", counts.join(", ")) }
}
