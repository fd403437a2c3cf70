//! `explain <user>`: why somebody is, or is not, in each room.

use provisioner_policy::{Explanation, Plan, RoomExplanation};

use super::{CommandFailure, CommandResult};
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, Table, code, text};
use crate::operations;
use crate::reconcile::{Freshness, Reconciler};

impl Desk {
    /// The reply for one MXID.
    pub(crate) async fn explain(&self, mxid: &str) -> CommandResult {
        let explanation = self.explanation(mxid).await?.ok_or_else(|| nobody(mxid))?;
        self.show_explanation(explanation).await
    }

    /// What the world says of a user; `None` where nobody knows them.
    pub(crate) async fn explanation(&self, mxid: &str) -> Result<Option<Explanation>, CommandFailure> {
        let user = mxid.to_owned();
        let query = move |reconciler: &Reconciler, plan: &Plan| operations::explain(reconciler.world(), plan, &user);
        Ok(self.reconciler.query_plan(Freshness::Now, query).await?)
    }

    pub(crate) async fn show_explanation(&self, explanation: Explanation) -> CommandResult {
        let joined = operations::joined_by_us(&self.store, &explanation).await?;
        let Explanation { user, subject: _, account, server_admin, rooms } = explanation;
        let mut table = Table::new(["room", "state", "power", "because"]).plain_without([1]);
        for (RoomExplanation { room, desired, observed, power, because }, joined) in rooms.into_iter().zip(joined) {
            let state = match (desired, observed) {
                (true, "join") => "belongs and is in it",
                (true, _) => "belongs and is not in it",
                (false, "join") => "does not belong and is in it",
                (false, "invite") => "does not belong and is invited",
                (false, "ban") => "is banned",
                (false, _) => "does not belong",
            };
            let joined = joined.map(|line| format!("; joined by me on {} UTC", line.at.format("%Y-%m-%d %H:%M:%S")));
            let power = match (observed, power.desired == power.observed) {
                ("join", true) => power.observed.to_string(),
                ("join", false) => format!("{} (should be {})", power.observed, power.desired),
                _ => String::new(),
            };
            table.row([
                code(&room),
                text(state),
                text(power),
                text(format!("{because}{}", joined.unwrap_or_default())),
            ]);
        }
        let admin = if server_admin.observed { "Is a server admin" } else { "Is no server admin" };
        Ok(Reply::line([code(&user), text(format!(" — account: {account}"))])
            .and_table(table)
            .and([text(format!("{admin}: {}", server_admin.because))]))
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
