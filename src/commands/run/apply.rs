//! `apply <id>`: carries out what the guard holds, exactly as it was shown. A ✅ on the post does the same.

use provisioner_policy::Plan;

use super::{CommandFailure, CommandResult};
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::reconcile::{ActionGate, Freshness, Reconciler};

impl Desk {
    /// Approves the held plan called `id`.
    pub(crate) async fn apply(&self, id: &str, by: &str) -> CommandResult {
        let gate = self.still_held(id).await?;
        let report = self.carry_out_held(id, by, Some(gate)).await?;
        self.report(&report)
    }

    /// Refuses what is not held now. While the gate is kept, it stays so.
    async fn still_held(&self, id: &str) -> Result<ActionGate, CommandFailure> {
        let held_id = |reconciler: &Reconciler, plan: &Plan| plan.held_id(reconciler.world());
        let (held, gate) = self.reconciler.query_plan_gated(Freshness::Now, held_id).await?;
        let reply = match held {
            Some(held) if held == id => return Ok(gate),
            Some(held) => Reply::line([
                strong("Not done: "),
                text("that is not what is held now. Look at "),
                code(self.typed("plan")),
                text(", and say "),
                code(self.typed(&format!("apply {held}"))),
                text(" if that is what you mean."),
            ]),
            None => Reply::line([strong("Not done: "), text("nothing is held now. See "), code(self.typed("plan"))]),
        };
        Err(CommandFailure::Refused { reply, detail: "refused: that is not what is held now".to_owned() })
    }
}
