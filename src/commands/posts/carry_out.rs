//! What somebody approves is carried out, and its post says what comes of it: by a tap on the post, or by `apply`.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::commands::posts::held::what_became_of;
use crate::commands::room::desk::Desk;
use crate::commands::room::turn::Requester;
use crate::commands::run::{CommandFailure, counts, outcome};
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::reconcile::{ActionGate, PassReport};
use crate::store::{HeldPost, HeldPostState};

/// How long is waited until a post shows that its plan is being carried out.
const LONGEST_EDIT: Duration = Duration::from_secs(5);

/// What is approved.
#[derive(Debug)]
pub(crate) struct Approved<'a> {
    /// The whole id of a held plan.
    pub(crate) id: &'a str,
    /// Another one that must have shown the same.
    pub(crate) within: Option<&'a str>,
    /// The post that says what comes of it.
    pub(crate) post: Option<HeldPost>,
    /// A no that somebody says before it is asked for ends it, too.
    pub(crate) unless_refused: bool,
}

impl Desk {
    /// Approves what was shown, for `by`; its post says what came of it.
    pub(crate) async fn carry_out_held(
        &self,
        approved: Approved<'_>,
        by: Requester<'_>,
        gate: Option<ActionGate>,
    ) -> Result<PassReport, CommandFailure> {
        let Approved { id, within, mut post, unless_refused } = approved;
        if let Some(there) = &post
            && !self
                .store
                .change_held_post(there.id, &HeldPostState::APPROVABLE, HeldPostState::Deciding)
                .await
                .context("mark the post")?
        {
            post = None;
        }
        if let Some(post) = &post {
            let reply = Reply::line([strong("Approved"), text(" by "), code(by.sender), text("; working on it …")]);
            let reply = what_became_of(post, reply);
            // What was approved waits for nobody to show it: minutes later it would be another approval.
            let edit = self.edit_post(post, "deciding", HeldPostState::Deciding, &reply);
            let _ = tokio::time::timeout(LONGEST_EDIT, edit).await;
        }
        // It may have taken long to admit them, and a no that was said later went first.
        let (none_since, deciding) = self.noes.none_since(by.noes).await;
        let is_refused = !none_since || unless_refused && self.is_plan_refused(id).await?;
        let asked = match is_refused {
            true => Err(CommandFailure::refused("somebody said no meanwhile")),
            false => self.request_pass(Some((id, within)), by, gate).await,
        };
        drop(deciding);
        let report = match asked {
            Ok(asked) => self.wait_for_report(asked).await,
            Err(failure) => Err(failure),
        };
        if let Some(post) = &post {
            let what = match &report {
                Ok(report) => format!("{}{}", outcome(report), counts(report)),
                Err(_) if is_refused => "Nothing was done: somebody said no meanwhile.".to_owned(),
                Err(_) => "The pass did not end; see the history.".to_owned(),
            };
            let errors = report.iter().flat_map(|report| &report.errors).map(|error| self.words(error));
            let reply = Reply::line([strong("Approved"), text(" by "), code(by.sender), text(format!(". {what}"))]);
            // Not marked before, because the edit may take minutes: what a restart cuts short is edited by the next start.
            let reply = what_became_of(post, reply.and_list(errors));
            self.end_post(post, "decided", HeldPostState::Deciding, &reply, false).await;
            // What somebody said no to meanwhile is not asked about again.
            let to = if self.is_plan_refused(&post.held_id).await? {
                HeldPostState::Dismissed
            } else {
                HeldPostState::Decided
            };
            let from = [HeldPostState::Deciding];
            self.store.change_held_post(post.id, &from, to).await.context("mark the post")?;
        }
        report
    }

    /// Whether somebody said no to the held plan with this id.
    pub(super) async fn is_plan_refused(&self, id: &str) -> Result<bool> {
        let plan = self.store.held_plan_called(id).await.context("look who decided about the plan")?;
        Ok(plan.is_some_and(|plan| plan.is_refused()))
    }
}
