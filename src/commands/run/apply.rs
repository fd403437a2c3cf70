//! `apply <id>`: carries out what the guard holds, exactly as it was shown. A ✅ on the post does the same.

use std::collections::HashSet;

use anyhow::Context;
use provisioner_policy::{Digest, Plan};

use super::{CommandFailure, CommandResult};
use crate::commands::posts::Approved;
use crate::commands::room::desk::Desk;
use crate::commands::room::turn::Requester;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::reconcile::{ActionGate, Freshness, Reconciler};

impl Desk {
    /// Approves the held plan whose id begins so.
    pub(crate) async fn apply(&self, beginning: &str, by: Requester<'_>) -> CommandResult {
        let known = self.store.held_plans_called(beginning).await.context("look for the held plan")?;
        let id = match known.as_slice() {
            // Perhaps shown by `plan` just now, and not stored yet.
            [] => beginning,
            [id] => id,
            _ => {
                let reply = Reply::line([
                    strong("Not done: "),
                    text("several held plans have that id. React to the message of the one that you mean."),
                ]);
                return Err(CommandFailure::Refused { reply, detail: "refused: several begin so".to_owned() });
            }
        };
        let newest = self.store.newest_held_post().await.context("look for the post")?;
        let post = newest.filter(|post| post.held_id == id);
        self.apply_shown(Approved { id, within: None, post, unless_refused: false }, by).await
    }

    /// Approves what was shown.
    pub(crate) async fn apply_shown(&self, approved: Approved<'_>, by: Requester<'_>) -> CommandResult {
        let gate = self.still_held(approved.id).await?;
        let report = self.carry_out_held(approved, by, Some(gate)).await?;
        self.report(&report)
    }

    /// Refuses where nothing of it is held now. While the gate is kept, it stays so.
    async fn still_held(&self, id: &str) -> Result<ActionGate, CommandFailure> {
        let shown = self.store.held_parts(id).await.context("read what the held plan takes")?;
        let shown: HashSet<Digest> = shown.into_iter().collect();
        let beginning = id.to_owned();
        let look = move |reconciler: &Reconciler, plan: &Plan| {
            let world = reconciler.world();
            let now = plan.held_id(world);
            let some = now.as_ref().is_some_and(|now| now.starts_with(&beginning)) || plan.holds_any(world, &shown);
            (some, now)
        };
        let ((some, now), gate) = self.reconciler.query_plan_gated(Freshness::Now, look).await?;
        if some {
            return Ok(gate);
        }
        let reply = match now {
            Some(held) => Reply::line([
                strong("Not done: "),
                text("nothing of that is held now. Look at "),
                code(self.typed("plan")),
                text(", and say "),
                code(self.typed_apply(&held)),
                text(" if that is what you mean."),
            ]),
            None => Reply::line([strong("Not done: "), text("nothing is held now. See "), code(self.typed("plan"))]),
        };
        Err(CommandFailure::Refused { reply, detail: "refused: nothing of that is held now".to_owned() })
    }
}
