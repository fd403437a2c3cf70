//! `explain <user>`: why somebody is, or is not, in each room.

use anyhow::Context;
use provisioner_policy::{Explanation, Plan, RoomExplanation};

use super::{CommandFailure, CommandResult};
use crate::commands::room::desk::Desk;
use crate::commands::run::help::NOT_BY_NAME;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::operations;
use crate::reconcile::{Freshness, Reconciler};

impl Desk {
    /// The reply for one MXID.
    pub(crate) async fn explain(&self, mxid: &str) -> CommandResult {
        let explanation = self.explanation(mxid).await?.ok_or_else(|| nobody(mxid))?;
        let paused = self.store.paused().await.context("look at the brake")?;
        let paused = paused.map(|_| {
            Reply::line([strong("Paused: "), text("nothing of this is done before "), code(self.typed("resume"))])
        });
        Ok(paused.unwrap_or_default().and_reply(self.show_explanation(explanation)))
    }

    /// What the world says of a user; `None` where nobody knows them.
    pub(crate) async fn explanation(&self, mxid: &str) -> Result<Option<Explanation>, CommandFailure> {
        let user = mxid.to_owned();
        let query = move |reconciler: &Reconciler, plan: &Plan| operations::explain(reconciler.world(), plan, &user);
        Ok(self.reconciler.query_plan_about(Freshness::Now, mxid, query).await?)
    }

    pub(crate) fn show_explanation(&self, explanation: Explanation) -> Reply {
        let Explanation { user, subject: _, account, server_admin, mut rooms } = explanation;
        // Nobody scrolls to what is going to change.
        rooms.sort_by_key(|of_room| !of_room.is_planned);
        let room = |of_room: RoomExplanation| {
            let mut entry = vec![code(&of_room.room), text(": ")];
            entry.extend(self.words(&of_room.in_words()));
            entry
        };
        let admin = if server_admin.observed { "Is a server admin" } else { "Is no server admin" };
        Reply::line([code(&user), text(format!(" — account: {account}"))])
            .and_list(rooms.into_iter().map(room))
            .and_pieces(self.words(&format!("{admin}: {}", server_admin.because)))
    }
}

/// The refusal for a user that nobody knows.
pub(crate) fn nobody(mxid: &str) -> CommandFailure {
    CommandFailure::Refused {
        reply: Reply::line([
            text("Nobody knows "),
            code(mxid),
            text(format!(": no row, no account and no room has this user. {NOT_BY_NAME}")),
        ]),
        detail: "refused: nobody knows this user".to_owned(),
    }
}
