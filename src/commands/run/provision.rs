//! `provision <user>`: sees to it that somebody whom a source names has their account and their rooms, now. It gives nobody
//! anything that the policy does not.

use super::{Failure, counts, explain, outcome};
use crate::commands::desk::Desk;
use crate::commands::reply::{Reply, code, strong, text};
use crate::reconcile::{Freshness, Reconciler};

impl Desk {
    /// Has a pass done for one MXID, and says how they stand after it.
    pub(super) async fn provision(&self, mxid: &str, by: &str) -> Result<Reply, Failure> {
        let user = mxid.to_owned();
        let is_active = move |reconciler: &Reconciler| {
            let world = reconciler.world();
            world.users.get(&user).is_some_and(|user| world.users.is_local(user) && world.facts.is_active(user))
        };
        let (is_active, hold) = self.window.look_and_hold(Freshness::Now, is_active).await?;
        if !is_active {
            return Err(Failure::Refused {
                reply: Reply::line([
                    strong("Not done: "),
                    text("no source names "),
                    code(mxid),
                    text(
                        " as active. Accounts come from the roster and the sign-up; add them there, and they are provisioned.",
                    ),
                ]),
                detail: "refused: no source names this user as active".to_owned(),
            });
        }
        let report = self.ask_for_pass(None, by, Some(hold)).await?;
        let explanation = self.explanation(mxid).await?.ok_or_else(|| explain::nobody(mxid))?;
        let mut reply = self.show_explanation(explanation).await?;
        if report.exit_code() == 1 {
            reply = reply.and([strong(outcome(&report)), text(counts(&report))]);
        }
        let theirs = |failed: &&crate::reconcile::Failed| failed.user.as_deref() == Some(mxid);
        match report.failed.iter().find(theirs) {
            Some(failed) => Err(Failure::Refused {
                reply: Reply::line([strong("Failed: "), text(format!("{}: {}", failed.kind, failed.error))])
                    .and_reply(reply),
                detail: format!("{}: {}", failed.kind, failed.error),
            }),
            None => Ok(reply),
        }
    }
}
