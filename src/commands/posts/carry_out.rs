//! What somebody approves is carried out, and its post says what comes of it: by a tap on the post, or by `apply`.

use std::time::Duration;

use anyhow::{Context, Result};
use tracing::warn;

use crate::causes::told;
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
            if unless_refused {
                return Err(CommandFailure::refused("somebody else decided about that message meanwhile"));
            }
            post = None;
        }
        if let Some(post) = &post {
            let reply = Reply::line([strong("Approved"), text(" by "), code(by.sender), text("; working on it …")]);
            let reply = what_became_of(post, reply);
            // What was approved waits for nobody to show it: minutes later it would be another approval.
            let edit = self.edit_post(post, "deciding", HeldPostState::Deciding, &reply);
            let _ = tokio::time::timeout(LONGEST_EDIT, edit).await;
        }
        let asked = self.ask_unless_refused(id, within, unless_refused, by, gate).await;
        let is_refused = matches!(asked, Ok(None));
        let report = match asked {
            Ok(Some(asked)) => self.wait_for_report(asked).await,
            Ok(None) => Err(CommandFailure::refused("somebody said no meanwhile")),
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
            if let Err(error) = self.end_deciding(post).await {
                // What came of it is told all the same; the next start marks the post.
                warn!("what became of a message about a held plan cannot be noted: {}", told(error.as_ref()));
            }
        }
        report
    }

    /// Marks a post that says what came of it: what somebody said no to meanwhile is not asked about again.
    pub(super) async fn end_deciding(&self, post: &HeldPost) -> Result<()> {
        let is_refused = self.is_plan_refused(&post.held_id).await?;
        let to = if is_refused { HeldPostState::Dismissed } else { HeldPostState::Decided };
        self.store.change_held_post(post.id, &[HeldPostState::Deciding], to).await.context("mark the post")?;
        Ok(())
    }

    /// Asks for the pass, and gives its number; nothing where somebody said no. It may have taken long to admit who asks, and a no
    /// that was said later went first.
    async fn ask_unless_refused(
        &self,
        id: &str,
        within: Option<&str>,
        unless_refused: bool,
        by: Requester<'_>,
        gate: Option<ActionGate>,
    ) -> Result<Option<i64>, CommandFailure> {
        let _deciding = self.deciding.lock().await;
        let is_refused = self.store.is_no_said_since(by.heard).await.context("look whether somebody said no")?
            || unless_refused && self.is_plan_refused(id).await?;
        if is_refused {
            return Ok(None);
        }
        self.request_pass(Some((id, within)), by, gate).await.map(Some)
    }

    /// Whether somebody said no to the held plan with this id.
    pub(super) async fn is_plan_refused(&self, id: &str) -> Result<bool> {
        let plan = self.store.held_plan_called(id).await.context("look who decided about the plan")?;
        Ok(plan.is_some_and(|plan| plan.is_refused()))
    }
}
