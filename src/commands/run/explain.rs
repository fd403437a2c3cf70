//! `explain <user>`: why somebody is, or is not, in each room.

use provisioner_policy::{Explanation, Plan, RoomExplanation};

use super::{CommandFailure, CommandResult};
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, code, text};
use crate::operations;
use crate::reconcile::{Freshness, Reconciler};

impl Desk {
    /// The reply for one MXID.
    pub(crate) async fn explain(&self, mxid: &str) -> CommandResult {
        let explanation = self.explanation(mxid).await?.ok_or_else(|| nobody(mxid))?;
        Ok(self.show_explanation(explanation))
    }

    /// What the world says of a user; `None` where nobody knows them.
    pub(crate) async fn explanation(&self, mxid: &str) -> Result<Option<Explanation>, CommandFailure> {
        let user = mxid.to_owned();
        let query = move |reconciler: &Reconciler, plan: &Plan| operations::explain(reconciler.world(), plan, &user);
        Ok(self.reconciler.query_plan_about(Freshness::Now, mxid, query).await?)
    }

    pub(crate) fn show_explanation(&self, explanation: Explanation) -> Reply {
        let Explanation { user, subject: _, account, server_admin, rooms } = explanation;
        let room = |RoomExplanation { room, desired, observed, power, because }: RoomExplanation| {
            let state = match (desired, observed) {
                (true, "join") => "belongs and is in it",
                (true, _) => "belongs and is not in it",
                (false, "join") => "does not belong and is in it",
                (false, "invite") => "does not belong and is invited",
                (false, "ban") => "is banned",
                (false, _) => "does not belong",
            };
            let power = match (observed, power.desired == power.observed) {
                ("join", true) => format!(", power {}", power.observed),
                ("join", false) => format!(", power {} (should be {})", power.observed, power.desired),
                _ => String::new(),
            };
            vec![code(&room), text(format!(": {state}{power}: ")), text(because)]
        };
        let admin = if server_admin.observed { "Is a server admin" } else { "Is no server admin" };
        Reply::line([code(&user), text(format!(" — account: {account}"))])
            .and_list(rooms.into_iter().map(room))
            .and([text(format!("{admin}: {}", server_admin.because))])
    }
}

/// The refusal for a user that nobody knows.
pub(crate) fn nobody(mxid: &str) -> CommandFailure {
    CommandFailure::Refused {
        reply: Reply::line([
            text("Nobody knows "),
            code(mxid),
            text(": no row, no account and no room has this user."),
        ]),
        detail: "refused: nobody knows this user".to_owned(),
    }
}
