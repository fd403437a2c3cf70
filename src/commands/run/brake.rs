//! `pause` and `resume`: the brake on every write to the homeserver.

use super::CommandResult;
use crate::commands::room::desk::Desk;
use crate::commands::room::turn::Requester;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::operations;
use crate::reconcile::ActionGate;

impl Desk {
    /// Puts the brake on, before the service acts on what was read to admit the sender.
    pub(crate) async fn pause(&self, by: &str, gate: Option<ActionGate>) -> CommandResult {
        let paused_now = operations::pause(&self.store, by).await?;
        drop(gate);
        let lead = if paused_now { strong("Paused.") } else { strong("It was paused already.") };
        let until =
            text(" What is in flight ends, and nothing more is written to any room, also after a restart, until ");
        Ok(Reply::line([lead, until, code(self.typed("resume"))]))
    }

    /// Takes the brake off, unless it took so long that a `pause` which was said later may be there by now.
    pub(crate) async fn resume(&self, by: Requester<'_>) -> CommandResult {
        if by.turn.has_run_out() {
            let why = text(
                "it took long to admit you, and what was said after it went first. Say it again if it is still meant.",
            );
            return Ok(Reply::line([strong("Nothing was done: "), why]));
        }
        let was_paused = operations::resume(&self.store, by.sender).await?;
        Ok(Reply::line([strong(if was_paused { "Resumed." } else { "Nothing was paused." })]))
    }
}
