//! `provision <user>`: gives a user that a source names their account and their rooms now. It gives nobody more than the policy
//! does.

use std::time::Duration;

use tracing::warn;

use super::{CommandFailure, CommandResult, counts, explain, outcome};
use crate::accounts::Confirmed;
use crate::causes::told;
use crate::commands::room::desk::Desk;
use crate::commands::room::turn::Requester;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::reconcile::{Freshness, Reconciler};
use crate::store::{AccountSource, SeenIn};

/// How long the pool may take to answer.
const POOL_PATIENCE: Duration = Duration::from_secs(10);

/// What the pool says of a user.
enum PoolAnswer {
    /// No pool is read.
    NotAsked,
    Named,
    Absent,
    Trouble,
}

impl PoolAnswer {
    /// What to do about somebody who is not active.
    fn words(&self) -> &'static str {
        match self {
            Self::NotAsked => {
                "Accounts come from the roster and the sign-up; add them there, and they are provisioned."
            }
            Self::Named => "The pool has them, though disabled or with an id that somebody else has, too.",
            Self::Absent => "The pool does not have them, or they have not confirmed their sign-up yet.",
            Self::Trouble => "The pool cannot be asked for them now; say it again later.",
        }
    }
}

impl Desk {
    /// Asks the pool for a user that no listing may have named yet, and records them if it has them.
    async fn ask_the_pool(&self, mxid: &str) -> PoolAnswer {
        if self.accounts.directory.is_none() {
            return PoolAnswer::NotAsked;
        }
        let Some(subject) = subject(mxid, &self.staff.server_name) else { return PoolAnswer::Absent };
        let confirmed = self.accounts.confirm(subject, AccountSource::Command, SeenIn::default());
        match tokio::time::timeout(POOL_PATIENCE, confirmed).await {
            Ok(Ok(Confirmed::Recorded)) => PoolAnswer::Named,
            Ok(Ok(Confirmed::Absent(_) | Confirmed::Impossible(_))) => PoolAnswer::Absent,
            Ok(Err(error)) => {
                warn!("somebody cannot be looked up in the pool: {}", told(error.as_ref()));
                PoolAnswer::Trouble
            }
            Err(_) => PoolAnswer::Trouble,
        }
    }

    /// Has a pass done, and explains the user after it.
    pub(crate) async fn provision(&self, mxid: &str, by: Requester<'_>) -> CommandResult {
        let upstream = self.ask_the_pool(mxid).await;
        let user = mxid.to_owned();
        let is_active = move |reconciler: &Reconciler| {
            let world = reconciler.world();
            world.users.get(&user).is_some_and(|user| world.users.is_local(user) && world.facts.is_active(user))
        };
        let (is_active, gate) = self.reconciler.query_gated(Freshness::Now, is_active).await?;
        if !is_active {
            return Err(CommandFailure::Refused {
                reply: Reply::line([
                    strong("Not done: "),
                    text("no source names "),
                    code(mxid),
                    text(" as active. "),
                    text(upstream.words()),
                ]),
                detail: "refused: no source names this user as active".to_owned(),
            });
        }
        let report = self.ask_for_pass(by, Some(gate)).await?;
        let explanation = self.explanation(mxid).await?.ok_or_else(|| explain::nobody(mxid))?;
        let mut reply = self.show_explanation(explanation);
        if report.exit_code() == 1 {
            reply = reply.and([strong(outcome(&report)), text(counts(&report))]);
        }
        let theirs = |failed: &&crate::reconcile::Failed| failed.user.as_deref() == Some(mxid);
        match report.failed.iter().find(theirs) {
            Some(failed) => Err(CommandFailure::Refused {
                reply: Reply::line([strong("Failed: "), text(format!("{}: {}", failed.kind, failed.error))])
                    .and_reply(reply),
                detail: format!("{}: {}", failed.kind, failed.error),
            }),
            None => Ok(reply),
        }
    }
}

/// The subject that an MXID of this server is made of. The pool's own are in small letters.
fn subject<'a>(mxid: &'a str, server_name: &str) -> Option<&'a str> {
    let (localpart, server) = mxid.strip_prefix('@')?.split_once(':')?;
    (server == server_name).then_some(localpart)
}
