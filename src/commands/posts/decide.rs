//! Decisions about held plans: a tap on a post, or `apply`. Carried out is what was shown, as far as it is held still.

mod answers;

use std::time::Instant;

use anyhow::{Context, Result};
use provisioner_policy::short_id;
use tokio::sync::MutexGuard;

use self::answers::{AskedNow, NOTHING_DONE, already, look_again, no_opening};
use crate::commands::posts::carry_out::Approved;
use crate::commands::posts::held::what_became_of;
use crate::commands::room::desk::Desk;
use crate::commands::room::dispatch::see;
use crate::commands::room::handle::DeskTask;
use crate::commands::text::incoming::Decision;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::store::{HeldPost, HeldPostState};

/// Who taps so soon after an edit may have seen what was there before it.
const SEEN_BEFORE: f64 = 15.0;

/// An approval is for now: older than so many seconds it is refused.
pub(crate) const APPROVAL_LASTS: f64 = 120.0;

/// What the ledger keeps of a no that may be about something else.
const CHANGED: &str = "refused: the message had changed meanwhile";

/// What a post showed to somebody who tapped so many seconds ago.
fn approved_by_tap(post: &HeldPost, tapped_ago: f64) -> Approved<'_> {
    let within = post.shown_before.as_deref().filter(|_| is_perhaps_of_before(post, tapped_ago));
    Approved { id: &post.held_id, within, post: Some(post.clone()), unless_refused: true }
}

/// Whether a tap so many seconds ago may be about what the post showed before its last edit.
fn is_perhaps_of_before(post: &HeldPost, tapped_ago: f64) -> bool {
    !post.edit_sent || post.edited_ago.is_some_and(|ago| ago - tapped_ago < SEEN_BEFORE)
}

/// Whether it may be about what stood there earlier still, of which nothing is kept.
fn is_perhaps_of_long_before(post: &HeldPost, tapped_ago: f64) -> bool {
    is_perhaps_of_before(post, tapped_ago)
        && post.edits > 1
        && post.edited_before_ago.is_none_or(|ago| ago - tapped_ago < SEEN_BEFORE)
}

/// Whether it may be about anything else than what the post shows.
fn is_perhaps_of_another(post: &HeldPost, tapped_ago: f64) -> bool {
    is_perhaps_of_long_before(post, tapped_ago)
        || is_perhaps_of_before(post, tapped_ago) && post.shown_before.as_ref() != Some(&post.held_id)
}

/// What is typed in the ledger's line of a decision.
fn words(name: &str, post: &HeldPost) -> String {
    format!("{name} {}", short_id(&post.held_id))
}

impl Desk {
    /// Acts on a reaction to a post of ours.
    pub(crate) async fn handle_decision(
        &self,
        task: &DeskTask,
        post: &HeldPost,
        decision: Decision,
        tapped_ago: f64,
    ) -> Result<()> {
        let asked = Instant::now();
        let Some(gate) = self.let_in(task, decision.name()).await? else { return Ok(()) };
        let ago = || tapped_ago + asked.elapsed().as_secs_f64();
        match decision {
            Decision::Approve => {
                drop(gate);
                self.say_yes(task, post, ago()).await
            }
            Decision::Dismiss => {
                let deciding = self.deciding.lock().await;
                // Before the service goes on with what was approved, and whichever list it is about: nobody says no to see more done.
                let ended =
                    self.store.refuse_approvals(&task.sender, None).await.context("say no to what was approved")?;
                let is_begun = self.begin(task, decision.name(), &words(decision.name(), post), None, None).await?;
                drop(gate);
                if is_begun { self.say_no(task, post, ago(), ended, deciding).await } else { Ok(()) }
            }
        }
    }

    /// Finishes a no that was begun and cut short: whoever says yes below it would be carried out.
    pub(crate) async fn finish_no(&self, task: &DeskTask, post: &HeldPost, tapped_ago: f64) -> Result<()> {
        let deciding = self.deciding.lock().await;
        let ended = self
            .store
            .refuse_approvals(&task.sender, Some(&task.event_id))
            .await
            .context("say no to what was approved")?;
        self.say_no(task, post, tapped_ago, ended, deciding).await
    }

    /// The post as another no may have left it meanwhile.
    async fn as_it_is_now(&self, post: &HeldPost) -> Result<HeldPost> {
        let now =
            self.store.held_post(post.event_id.as_deref().unwrap_or_default()).await.context("look at the post")?;
        Ok(now.unwrap_or_else(|| post.clone()))
    }

    /// Carries out what a post shows, or says why not.
    async fn say_yes(&self, task: &DeskTask, post: &HeldPost, tapped_ago: f64) -> Result<()> {
        let name = Decision::Approve.name();
        if tapped_ago > APPROVAL_LASTS {
            let reply = Reply::line([
                strong("Nothing was done: "),
                text("that ✅ is from a while ago. Take it back and tap again, if it is still meant."),
            ]);
            return self.refuse(task, name, Some(reply), "refused: tapped more than two minutes ago").await;
        }
        let is_refused = self.is_refused(post).await?;
        // An older message is closed by a no.
        let is_closed_by_no = is_refused && post.state == HeldPostState::Decided;
        if !(HeldPostState::APPROVABLE.contains(&post.state) || is_closed_by_no) {
            let asked = self.asked_now(Decision::Approve).await?;
            let reply = already(NOTHING_DONE, post.state, &asked, |command| self.typed(command));
            let detail = format!("refused: that plan is {}", post.state.as_str());
            return self.refuse(task, name, Some(reply), &detail).await;
        }
        if !post.offers_approval {
            let reply = Reply::line([
                strong("Not done: "),
                text(
                    "that is too much to be judged from a message. Look at it and approve it on the command line, as the message says.",
                ),
            ]);
            return self.refuse(task, name, Some(reply), "refused: too much to be judged from a message").await;
        }
        if is_refused {
            let lead = "Nothing was done: somebody said no to that. To do it after all: ";
            let reply = see(lead, self.typed_apply(&post.held_id));
            return self.refuse(task, name, Some(reply), "refused: somebody said no to that plan").await;
        }
        if is_perhaps_of_long_before(post, tapped_ago) {
            let reply = look_again(NOTHING_DONE, "twice meanwhile", "✅");
            return self.refuse(task, name, Some(reply), "refused: the message had changed twice meanwhile").await;
        }
        if !self.begin(task, name, &words(name, post), None, None).await? {
            return Ok(());
        }
        match self.apply_shown(approved_by_tap(post, tapped_ago), task.requester()).await {
            // The post itself says what came of it.
            Ok(_) => self.end(task, name, None, "done", None).await,
            failed => self.end_by(task, name, failed).await,
        }
    }

    /// Says no to what a post shows, once that is begun; `ended` is whether it has ended an approval already, and `deciding` is kept
    /// until it stands in the database. Each step may have been done before it was cut short.
    async fn say_no(
        &self,
        task: &DeskTask,
        post: &HeldPost,
        tapped_ago: f64,
        ended: bool,
        deciding: MutexGuard<'_, ()>,
    ) -> Result<()> {
        let name = Decision::Dismiss.name();
        let post = &self.as_it_is_now(post).await?;
        let is_perhaps_of_another = is_perhaps_of_another(post, tapped_ago);
        match post.state {
            HeldPostState::Deciding => {
                if !is_perhaps_of_another {
                    self.store.dismiss_held_plan(&post.held_id, &task.sender).await.context("dismiss the plan")?;
                }
                drop(deciding);
                self.end_refused(task, name).await
            }
            _ if is_perhaps_of_another => {
                drop(deciding);
                self.end_changed(task, ended).await
            }
            HeldPostState::Open | HeldPostState::Dismissed => self.dismiss(task, name, post, ended, deciding).await,
            state if state == HeldPostState::Superseded || task.again && state == HeldPostState::Decided => {
                let asked = self.asked_now(Decision::Dismiss).await?;
                // Where it is held again, the newer message asks about it.
                if asked.held.as_ref() != Some(&post.held_id) {
                    self.store.dismiss_held_plan(&post.held_id, &task.sender).await.context("dismiss the plan")?;
                }
                let (from, to) = ([HeldPostState::Superseded], HeldPostState::Decided);
                let is_closed = self.store.change_held_post(post.id, &from, to).await.context("mark the post")?;
                if !is_closed && self.as_it_is_now(post).await?.state == HeldPostState::Deciding {
                    // A yes on it was quicker.
                    self.store.dismiss_held_plan(&post.held_id, &task.sender).await.context("dismiss the plan")?;
                    drop(deciding);
                    return self.end_refused(task, name).await;
                }
                drop(deciding);
                let lead = text("Not done: no ✅ below this message carries it out any more.");
                let reply = asked.and_pointed(lead, |command| self.typed(command));
                let reply = if ended { self.stopped().and_reply(reply) } else { reply };
                self.end(task, name, Some(reply), "done", None).await
            }
            state => {
                drop(deciding);
                let asked = self.asked_now(Decision::Dismiss).await?;
                let reply = already(no_opening(ended), state, &asked, |command| self.typed(command));
                self.end_no(task, ended, reply, &format!("refused: that plan is {}", state.as_str())).await
            }
        }
    }

    /// Ends a no that is about nothing that is asked any more. Where it has ended an approval, it was not for nothing.
    async fn end_no(&self, task: &DeskTask, ended: bool, reply: Reply, detail: &str) -> Result<()> {
        let name = Decision::Dismiss.name();
        match ended {
            true => self.end(task, name, Some(self.stopped().and_reply(reply)), "done", None).await,
            false => self.end(task, name, Some(reply), "failed", Some(detail)).await,
        }
    }

    /// Ends a no that may be about something else than what the message shows by now.
    async fn end_changed(&self, task: &DeskTask, ended: bool) -> Result<()> {
        self.end_no(task, ended, look_again(no_opening(ended), "meanwhile", "❌"), CHANGED).await
    }

    /// That a no has ended an approval.
    fn stopped(&self) -> Reply {
        self.what_stops("An approval was stopped: ")
    }

    /// What a no to something approved does, in a line that begins with `lead`.
    fn what_stops(&self, lead: &str) -> Reply {
        let pause = code(self.typed("pause"));
        Reply::line([strong(lead), text("what of it has not begun is not done. "), pause, text(" stops what has.")])
    }

    /// Says no to what a post shows. A second no says nothing new, but it finishes one that was cut short: of its three steps
    /// each is done that is not done yet.
    async fn dismiss(
        &self,
        task: &DeskTask,
        name: &'static str,
        post: &HeldPost,
        ended: bool,
        deciding: MutexGuard<'_, ()>,
    ) -> Result<()> {
        let again = post.state == HeldPostState::Dismissed;
        if !again && !self.store.dismiss_held_post(post.id, &post.held_id).await.context("mark the post")? {
            if self.as_it_is_now(post).await?.state == HeldPostState::Deciding {
                self.store.dismiss_held_plan(&post.held_id, &task.sender).await.context("dismiss the plan")?;
                drop(deciding);
                return self.end_refused(task, name).await;
            }
            drop(deciding);
            return self.end_changed(task, ended).await;
        }
        // `status`, the metric and the command line say so too.
        self.store.dismiss_held_plan(&post.held_id, &task.sender).await.context("dismiss the plan")?;
        drop(deciding);
        // It has its effect, and the edit may take minutes.
        task.turn.end();
        let reply = Reply::line([
            strong("Not done:"),
            text(" "),
            code(&task.sender),
            text(" said no. Nobody is asked again until this list changes."),
        ]);
        let reply = match post.offers_approval {
            true => reply.and_reply(see("To do it after all: ", self.typed_apply(&post.held_id))),
            false => reply,
        };
        self.end_post(post, "dismissed", HeldPostState::Dismissed, &what_became_of(post, reply), again).await;
        self.end(task, name, ended.then(|| self.stopped()), "done", None).await
    }

    /// Answers a no to what was approved a moment ago. What came of it, the post says as its approval ends.
    async fn end_refused(&self, task: &DeskTask, name: &'static str) -> Result<()> {
        let stops = Reply::line([
            strong("It was approved already: "),
            text("what has not begun is not done. "),
            code(self.typed("pause")),
            text(" stops what has."),
        ]);
        self.end(task, name, Some(stops), "done", None).await
    }

    /// Whether somebody said no to what a post shows: a tick below that may be meant as "well said". The plan is asked as well as
    /// the post: a no is written to the post first, and a post that is superseded later keeps nothing of it.
    async fn is_refused(&self, post: &HeldPost) -> Result<bool> {
        Ok(post.state == HeldPostState::Dismissed || self.is_plan_refused(&post.held_id).await?)
    }

    async fn asked_now(&self, decision: Decision) -> Result<AskedNow> {
        let newest = self.store.newest_held_post().await.context("look for the newest post")?;
        let newest = newest.filter(|post| post.is_undecided() && post.event_id.is_some());
        let held = self.store.held_plan().await.context("look at the held plan")?.map(|held| held.id);
        Ok(AskedNow { decision, newest, held })
    }
}
#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// It was edited ten seconds ago for the first time.
    pub(super) fn edited(shown_before: &str) -> HeldPost {
        HeldPost {
            id: 1,
            held_id: "a".to_owned(),
            shown_before: Some(shown_before.to_owned()),
            edits: 1,
            edit_sent: true,
            age: 30.0,
            edited_ago: Some(10.0),
            changed_ago: 30.0,
            edited_before_ago: None,
            room_id: "!here".to_owned(),
            event_id: Some("$it".to_owned()),
            reactions_sent: true,
            shown: Value::Null,
            pages: Value::Null,
            offers_approval: true,
            state: HeldPostState::Open,
        }
    }

    #[test]
    fn a_no_is_perhaps_of_another_list_only_where_an_edit_has_just_changed_it() {
        assert!(is_perhaps_of_another(&edited("b"), 0.0));
        assert!(is_perhaps_of_another(&HeldPost { edited_ago: Some(1000.0), ..edited("b") }, 990.0), "a late push");
        assert!(is_perhaps_of_another(&HeldPost { edit_sent: false, edited_ago: Some(99.0), ..edited("b") }, 0.0));
        assert!(is_perhaps_of_another(&HeldPost { edits: 2, ..edited("a") }, 0.0), "nobody knows what stood there");
        assert!(!is_perhaps_of_another(&edited("a"), 0.0), "it shows the same");
        assert!(!is_perhaps_of_another(&HeldPost { edited_ago: Some(15.0), ..edited("b") }, 0.0));
        let never = HeldPost { shown_before: None, edits: 0, edited_ago: None, ..edited("b") };
        assert!(!is_perhaps_of_another(&never, 0.0));
    }
}
