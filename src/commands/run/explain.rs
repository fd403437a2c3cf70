//! `explain <user>`: why somebody is, or is not, in each room.

use anyhow::Context;
use provisioner_policy::{Explanation, Plan, RoomExplanation};

use super::CommandFailure;
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, Table, code, text};
use crate::reconcile::Freshness;

impl Desk {
    /// Answers for one MXID.
    pub(crate) async fn explain(&self, mxid: &str) -> Result<Reply, CommandFailure> {
        let explanation = self.explanation(mxid).await?.ok_or_else(|| nobody(mxid))?;
        self.show_explanation(explanation).await
    }

    /// What the world says of somebody; nothing where nobody knows them.
    pub(crate) async fn explanation(&self, mxid: &str) -> Result<Option<Explanation>, CommandFailure> {
        let user = mxid.to_owned();
        let look = move |reconciler: &crate::reconcile::Reconciler, plan: &Plan| {
            let world = reconciler.world();
            let user = world.users.get(&user).filter(|user| world.is_known(*user))?;
            Some(world.explain(user, plan))
        };
        Ok(self.reconciler.query_plan(Freshness::Now, look).await?)
    }

    pub(crate) async fn show_explanation(&self, explanation: Explanation) -> Result<Reply, CommandFailure> {
        let Explanation { user, subject: _, account, server_admin, rooms } = explanation;
        let mut table = Table::new(["room", "state", "power", "because"]).plain_without([1]);
        for RoomExplanation { room, desired, observed, power, because } in rooms {
            let state = match (desired, observed) {
                (true, "join") => "belongs and is in it",
                (true, _) => "belongs and is not in it",
                (false, "join") => "does not belong and is in it",
                (false, "invite") => "does not belong and is invited",
                (false, "ban") => "is banned",
                (false, _) => "does not belong",
            };
            let joined = if observed == "join" { self.joined_by_us(&user, &room).await? } else { String::new() };
            let power = match (observed, power.desired == power.observed) {
                ("join", true) => power.observed.to_string(),
                ("join", false) => format!("{} (should be {})", power.observed, power.desired),
                _ => String::new(),
            };
            table.row([code(&room), text(state), text(power), text(format!("{because}{joined}"))]);
        }
        let admin = if server_admin.observed { "Is a server admin" } else { "Is no server admin" };
        Ok(Reply::line([code(&user), text(format!(" — account: {account}"))])
            .and_table(table)
            .and([text(format!("{admin}: {}", server_admin.because))]))
    }

    /// When the service itself joined them, if it did.
    async fn joined_by_us(&self, mxid: &str, room_key: &str) -> Result<String, CommandFailure> {
        let joined = self.store.last_joined(mxid, room_key).await.context("read the ledger")?;
        Ok(joined
            .map_or_else(String::new, |line| format!("; joined by me on {} UTC", line.at.format("%Y-%m-%d %H:%M:%S"))))
    }
}

/// What is said of somebody of whom there is no trace.
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
