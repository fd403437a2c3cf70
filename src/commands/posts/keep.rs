//! Keeps what the bot posted by itself up to date with the status snapshot of the service: the held plan and the alerts.

mod step;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use provisioner_policy::short_id;
use tracing::warn;

use self::step::{Step, as_seen, step};
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

/// Between two edits of a post.
const BETWEEN_EDITS: f64 = 15.0;

/// Debounce while something cannot be read: what is held may only seem to change.
const SETTLED_IN_TROUBLE: Duration = Duration::from_secs(60);

/// Between two looks where no snapshot comes.
const LOOK: Duration = Duration::from_secs(30);

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
                // Not marked before, because the edit may take minutes, and a restart would leave what stands there for ever.
                self.show_cut_short(&post, self.approved_by(&post).await?.as_deref()).await;
                self.end_deciding(&post).await?;
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
                true if old.state == HeldPostState::Open && old.offers_approval => format!(
                    "It has changed: see the newer message about plan {held}. ✅ here carries out no more than this message \
                     shows."
                ),
                true => format!("It has changed: see the newer message about plan {held}."),
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
