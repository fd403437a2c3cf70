//! Keeps what the bot posted by itself up to date with the status snapshot of the service: the held plan and the alerts.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use provisioner_policy::short_id;
use tracing::warn;

use crate::causes::told;
use crate::commands::posts::alerts::AlertTimers;
use crate::commands::room::desk::Desk;
use crate::commands::room::encryption::{self, Encryption};
use crate::reconcile::{Conditions, HeldNow};
use crate::store::{HeldPlanState, HeldPost, HeldPostState};

/// Debounce: a held plan is posted when it has been the same for so long, because rows are often changed one by one.
const SETTLED: Duration = Duration::from_secs(2);

/// A plan that never stays the same is posted all the same after so long.
const RESTLESS: Duration = Duration::from_secs(10);

/// An open post that is younger is edited when the plan changes, and an older one is followed by a new one: people are
/// notified of at most one message in this time.
const YOUNG: f64 = 60.0;

/// Between two edits of a post.
const BETWEEN_EDITS: f64 = 15.0;

/// What was approved is done in this time, mostly: what is held after that is something else.
const DECIDED: f64 = 15.0;

/// What is held as it was may wait for rooms that are being read, a minute at the most, and who approved it for two more: nobody
/// is asked about it again meanwhile.
const WAITED_FOR: f64 = 300.0;

/// Debounce while something cannot be read: what is held may only seem to change.
const SETTLED_IN_TROUBLE: Duration = Duration::from_secs(60);

/// Between two looks where no snapshot comes.
const LOOK: Duration = Duration::from_secs(30);

/// What is to be done about the held plan's post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    /// Send a post that was noted and not sent, or not all of it.
    Resend,
    /// Nothing is held any more.
    Gone,
    /// Post what is held. It replaces the newest post where that is undecided.
    Post,
    /// Edit the newest post to show what is held.
    Edit,
    /// Send an edit that was noted and that Synapse has not taken.
    ResendEdit,
}

impl Step {
    /// Whether a message says by it what none has said.
    fn shows_anew(self) -> bool {
        matches!(self, Self::Post | Self::Edit)
    }
}

/// Compares the newest post with what is held; `here` is the Staff room.
fn step(newest: Option<&HeldPost>, held: Option<&str>, here: &str) -> Step {
    let undecided = newest.filter(|post| post.is_undecided());
    match (undecided, held) {
        (Some(post), Some(held)) if post.held_id == held && post.room_id == here => {
            match post.event_id.is_some() && post.reactions_sent {
                false => Step::Resend,
                true if post.edit_sent => Step::Nothing,
                true => Step::ResendEdit,
            }
        }
        (Some(_), None) => Step::Gone,
        (None, None) => Step::Nothing,
        // Somebody decides just now: what is left is seen at the next snapshot. A long pass is not waited for.
        (None, Some(held)) if newest.is_some_and(|post| is_being_decided(post, held)) => Step::Nothing,
        // Who dismissed one wants to hear of the next.
        (Some(post), Some(_)) if post.state == HeldPostState::Open && post.age < YOUNG && post.room_id == here => {
            if post.event_id.is_some() && post.reactions_sent {
                Step::Edit
            } else {
                Step::Resend
            }
        }
        (_, Some(_)) => Step::Post,
    }
}

/// The step once the plan was looked at: `shown` is the id of what a post would show. While something cannot be read that is less
/// than what is held, and what is shown already is no change.
fn as_seen(due: Step, newest: Option<&HeldPost>, shown: Option<&str>, here: &str) -> Step {
    match shown {
        _ if !due.shows_anew() => due,
        Some(shown) => step(newest, Some(shown), here),
        None => Step::Nothing,
    }
}

fn is_being_decided(post: &HeldPost, held: &str) -> bool {
    let longest = if post.held_id == held { WAITED_FOR } else { DECIDED };
    post.state == HeldPostState::Deciding && post.changed_ago < longest
}

/// What is held, since when it is the same, and since when no post shows what is held.
struct Settling {
    held: Option<String>,
    since: Instant,
    unshown: Option<Instant>,
    /// When the plan was looked at, and a post stood for it already.
    looked: Option<Instant>,
    /// The post whose reactions were asked for again. Where Synapse refuses them, once is enough.
    completed: Option<i64>,
    /// The post before which every other is closed.
    closed_before: Option<i64>,
}

impl Desk {
    /// Runs for as long as the service reconciles.
    pub(crate) async fn keep_posts(&self) -> Infallible {
        let mut reconciler = self.reconciler.clone();
        let mut settling = Settling {
            held: None,
            since: Instant::now(),
            unshown: None,
            looked: None,
            completed: None,
            closed_before: None,
        };
        let (mut since, mut encryption) = (AlertTimers::default(), Encryption::default());
        self.reopen().await;
        loop {
            let snapshot = reconciler.snapshot();
            let mut wake = LOOK;
            if let Some(held) = &snapshot.held {
                match self.keep_held(held, &mut settling).await {
                    Ok(again) => wake = again.unwrap_or(LOOK),
                    Err(error) => warn!("the message about the held plan is not up to date: {}", told(error.as_ref())),
                }
            }
            if let Some(Conditions { mut lasting, mut unknown }) = snapshot.all_conditions() {
                self.keep_encryption(&snapshot, &mut encryption).await;
                lasting.extend(encryption.condition());
                unknown.extend(encryption.is_unknown().then(|| encryption::KEY.to_owned()));
                match self.keep_alerts(&lasting, &unknown, &mut since).await {
                    Ok(again) => wake = wake.min(again.unwrap_or(LOOK)),
                    Err(error) => warn!("the alerts in the Staff room are not up to date: {}", told(error.as_ref())),
                }
            }
            tokio::select! {
                changed = reconciler.changed() => {
                    if changed.is_err() {
                        // The service has ended, and so will this.
                        std::future::pending::<()>().await;
                    }
                }
                () = tokio::time::sleep(wake) => {}
            }
        }
    }

    /// A decision that a restart cut short: its pass may have ended or not, and the next snapshot shows what is still held.
    async fn reopen(&self) {
        let cut_short = async {
            for post in self.store.deciding_held_posts().await? {
                let (from, to) = ([HeldPostState::Deciding], HeldPostState::Decided);
                if self.store.change_held_post(post.id, &from, to).await? {
                    self.show_cut_short(&post, self.approved_by(&post).await?.as_deref()).await;
                }
            }
            anyhow::Ok(())
        };
        if let Err(error) = cut_short.await {
            warn!("the messages about held plans cannot be looked at: {}", told(error.as_ref()));
        }
    }

    /// Who approved what a post shows, in this room or on the command line.
    async fn approved_by(&self, post: &HeldPost) -> Result<Option<String>> {
        let kept = self.store.held_plan_called(&post.held_id).await.context("look for who approved it")?;
        Ok(kept.filter(|kept| kept.state == HeldPlanState::Approved).and_then(|kept| kept.decided_by))
    }

    /// Brings the post up to date. Returns in how long to look again, where that is soon.
    async fn keep_held(&self, held: &HeldNow, settling: &mut Settling) -> Result<Option<Duration>> {
        if settling.held != held.id {
            (settling.held, settling.since, settling.looked) = (held.id.clone(), Instant::now(), None);
        }
        let here = &self.staff.room_id;
        let newest = self.store.newest_held_post().await.context("look for the newest post")?;
        if let Some(newest) = &newest
            && settling.closed_before != Some(newest.id)
            && (newest.event_id.is_some() || !newest.is_undecided())
        {
            self.close_older(newest).await?;
            settling.closed_before = Some(newest.id);
        }
        let due = step(newest.as_ref(), settling.held.as_deref(), here);
        if due == Step::Nothing {
            settling.unshown = None;
            return Ok(None);
        }
        let settled = if held.in_trouble { SETTLED_IN_TROUBLE } else { SETTLED };
        let restless =
            settled.max(RESTLESS).saturating_sub(settling.unshown.get_or_insert_with(Instant::now).elapsed());
        let wait = settled.saturating_sub(settling.since.elapsed()).min(restless);
        let edited = newest.as_ref().filter(|_| due == Step::Edit).map(|post| post.edited_ago.unwrap_or(post.age));
        let wait = wait.max(Duration::from_secs_f64((BETWEEN_EDITS - edited.unwrap_or(BETWEEN_EDITS)).max(0.0)));
        // A look at the plan makes another snapshot, which would make another look.
        let looked = settling.looked.filter(|_| due.shows_anew());
        let wait = wait.max(looked.map_or(Duration::ZERO, |at| LOOK.saturating_sub(at.elapsed())));
        if !wait.is_zero() {
            return Ok(Some(wait));
        }
        let shown = if due.shows_anew() { self.describe_held().await? } else { None };
        let step = as_seen(due, newest.as_ref(), shown.as_ref().map(|shown| shown.id.as_str()), here);
        if step != due {
            settling.looked = Some(Instant::now());
        }
        if step == Step::Nothing {
            settling.unshown = None;
        }
        match (step, &newest, &shown) {
            (Step::Resend, Some(post), _) => {
                let again = settling.completed.replace(post.id) == Some(post.id);
                if again && post.event_id.is_some() {
                    return Ok(None);
                }
                self.send_held(post, true).await?;
            }
            (Step::Gone, Some(post), _) => self.close_gone(post).await?,
            (Step::Post, _, Some(shown)) => self.post_held(shown).await?,
            (Step::Edit, Some(post), Some(shown)) => {
                self.update_held(post, shown).await?;
                return Ok(None);
            }
            (Step::ResendEdit, Some(post), _) => {
                self.send_update(post, true).await?;
                return Ok(None);
            }
            _ => return Ok(None),
        }
        // What is older is closed by the next look: it would be, too, if this one had been cut short.
        Ok(Some(Duration::ZERO))
    }

    /// Closes each older post that nobody decided about: the newest stands for what is held, or is over and was never sent.
    async fn close_older(&self, newest: &HeldPost) -> Result<()> {
        let held = short_id(&newest.held_id);
        for old in self.store.undecided_held_posts_before(newest.id).await.context("look for older posts")? {
            if newest.event_id.is_none() {
                self.close_gone(&old).await?;
                continue;
            }
            let words = match old.room_id == newest.room_id {
                true => format!(
                    "It has changed: see the newer message about plan {held}. ✅ here carries out no more than this message \
                     shows."
                ),
                false => format!("See the message about plan {held} in the new room."),
            };
            self.close_held(&old, HeldPostState::Superseded, &words).await?;
        }
        Ok(())
    }

    /// Closes a post of which nothing is held any more.
    async fn close_gone(&self, post: &HeldPost) -> Result<()> {
        let words = self.approved_by(post).await?.map_or_else(
            || "Not held any more.".to_owned(),
            |by| format!("Approved by {by}; the history says what came of it."),
        );
        self.close_held(post, HeldPostState::Gone, &words).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn step(newest: Option<&HeldPost>, held: Option<&str>) -> Step {
        super::step(newest, held, "!here")
    }

    fn post(held_id: &str, state: HeldPostState, sent: bool) -> HeldPost {
        HeldPost {
            id: 1,
            held_id: held_id.to_owned(),
            shown_before: None,
            age: 100.0,
            edited_ago: None,
            changed_ago: 0.0,
            edited_before_ago: None,
            edits: 0,
            edit_sent: true,
            room_id: "!here".to_owned(),
            event_id: sent.then(|| "$it".to_owned()),
            reactions_sent: sent,
            shown: Value::Null,
            pages: Value::Null,
            offers_approval: true,
            state,
        }
    }

    #[test]
    fn what_is_held_is_posted_once_until_it_changes() {
        assert_eq!(step(None, None), Step::Nothing);
        assert_eq!(step(None, Some("a")), Step::Post);
        assert_eq!(step(Some(&post("a", HeldPostState::Open, true)), Some("a")), Step::Nothing);
        assert_eq!(step(Some(&post("a", HeldPostState::Open, false)), Some("a")), Step::Resend);
        let without_reactions = HeldPost { reactions_sent: false, ..post("a", HeldPostState::Open, true) };
        assert_eq!(step(Some(&without_reactions), Some("a")), Step::Resend);
        assert_eq!(step(Some(&post("a", HeldPostState::Open, true)), Some("b")), Step::Post);
        assert_eq!(step(Some(&post("a", HeldPostState::Open, true)), None), Step::Gone);
        let unedited = HeldPost { edit_sent: false, ..post("a", HeldPostState::Open, true) };
        assert_eq!(step(Some(&unedited), Some("a")), Step::ResendEdit);
    }

    #[test]
    fn a_plan_that_keeps_changing_is_one_message_a_minute() {
        let young = |state| HeldPost { age: 30.0, ..post("a", state, true) };
        assert_eq!(step(Some(&young(HeldPostState::Open)), Some("b")), Step::Edit);
        assert_eq!(step(Some(&post("a", HeldPostState::Open, true)), Some("b")), Step::Post);
        assert_eq!(step(Some(&young(HeldPostState::Dismissed)), Some("b")), Step::Post);
        assert_eq!(step(Some(&young(HeldPostState::Decided)), Some("b")), Step::Post);
    }

    #[test]
    fn what_a_post_shows_already_is_no_change_while_more_is_held_than_can_be_seen() {
        let seen = |post: &HeldPost, part: Option<&str>, here: &str| {
            as_seen(super::step(Some(post), Some("all"), here), Some(post), part, here)
        };
        for state in [HeldPostState::Open, HeldPostState::Dismissed] {
            assert_eq!(step(Some(&post("part", state, true)), Some("all")), Step::Post);
            assert_eq!(seen(&post("part", state, true), Some("part"), "!here"), Step::Nothing);
            assert_eq!(seen(&post("part", state, true), Some("other"), "!here"), Step::Post);
        }
        let young = HeldPost { age: 30.0, ..post("part", HeldPostState::Open, true) };
        assert_eq!(seen(&young, Some("part"), "!here"), Step::Nothing);
        assert_eq!(seen(&young, Some("other"), "!here"), Step::Edit);
        assert_eq!(seen(&young, None, "!here"), Step::Nothing, "nothing of it can be seen");
        let unedited = HeldPost { edit_sent: false, ..young.clone() };
        assert_eq!(seen(&unedited, Some("part"), "!here"), Step::ResendEdit);
        assert_eq!(seen(&young, Some("part"), "!there"), Step::Post, "nobody sees it there");
        assert_eq!(seen(&post("part", HeldPostState::Decided, true), Some("part"), "!here"), Step::Post);
        assert_eq!(as_seen(Step::Gone, Some(&young), None, "!here"), Step::Gone);
    }

    #[test]
    fn what_was_posted_in_a_room_that_was_left_is_posted_anew() {
        assert_eq!(super::step(Some(&post("a", HeldPostState::Open, true)), Some("a"), "!there"), Step::Post);
        assert_eq!(super::step(Some(&post("a", HeldPostState::Open, true)), None, "!there"), Step::Gone);
    }

    #[test]
    fn a_dismissed_plan_is_quiet_until_it_changes() {
        assert_eq!(step(Some(&post("a", HeldPostState::Dismissed, true)), Some("a")), Step::Nothing);
        assert_eq!(step(Some(&post("a", HeldPostState::Dismissed, true)), Some("b")), Step::Post);
        assert_eq!(step(Some(&post("a", HeldPostState::Dismissed, true)), None), Step::Gone);
    }

    #[test]
    fn a_decided_plan_is_over_and_what_is_held_after_it_is_new() {
        assert_eq!(step(Some(&post("a", HeldPostState::Deciding, true)), Some("a")), Step::Nothing);
        let long_ago = HeldPost { changed_ago: 60.0, ..post("a", HeldPostState::Deciding, true) };
        assert_eq!(step(Some(&long_ago), Some("b")), Step::Post, "its pass goes on for hours");
        assert_eq!(step(Some(&long_ago), Some("a")), Step::Nothing, "it waits for a room");
        assert_eq!(step(Some(&post("a", HeldPostState::Decided, true)), None), Step::Nothing);
        assert_eq!(step(Some(&post("a", HeldPostState::Decided, true)), Some("b")), Step::Post);
        assert_eq!(step(Some(&post("a", HeldPostState::Gone, true)), Some("a")), Step::Post);
    }
}
