//! `pause` and `resume`: the brake on every write to the homeserver.

use anyhow::Context;

use super::CommandFailure;
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::reconcile::ActionGate;

impl Desk {
    /// Puts the brake on, before anything is done that the roster says now.
    pub(crate) async fn pause(&self, by: &str, gate: Option<ActionGate>) -> Result<Reply, CommandFailure> {
        let paused_now = self.store.pause(by).await.context("put the brake on")?;
        drop(gate);
        let lead = if paused_now { strong("Paused.") } else { strong("It was paused already.") };
        let until =
            text(" What is in flight ends, and nothing more is written to any room, also after a restart, until ");
        Ok(Reply::line([lead, until, code(self.typed("resume"))]))
    }

    /// Takes the brake off.
    pub(crate) async fn resume(&self, by: &str) -> Result<Reply, CommandFailure> {
        let was_paused = self.store.resume(by).await.context("take the brake off")?;
        Ok(Reply::line([strong(if was_paused { "Resumed." } else { "Nothing was paused." })]))
    }
}
