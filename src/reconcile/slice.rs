//! One slice of a pass: plan, hold back what must not be done, carry out what is due, take over what came of it.
//!
//! The steps of [`Reconciler::slice`] stand in this order for these reasons:
//! - What ended (a fight left alone for long enough) is put into the world **before** the plan is made of it.
//! - An approval releases **before** fights and delays narrow the plan: what somebody approved is still done only as often as
//!   may be.
//! - What settles is noted **after** approvals release: what somebody approved does not wait.
//! - The held plan is stored **before** the brake is looked at: somebody can decide about it while all is paused.
//! - The brake is looked at **last before** the work: a `pause` counts from the moment when it is in the database.
//! - What is withheld gets its ledger lines **before** the attempts, which are numbered behind it in the same pass.
//! - Who keeps at it is looked up **after** the outcomes, which make a fight of it, and before anybody asks what lasts.
//! - Outcomes go into the mirror **before** leaves are cleared and accounts are noted as open again: both are read off it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use provisioner_policy::{Action, Change, ClearedLeave, Plan, UserIx};
use tokio_util::sync::CancellationToken;
use tracing::instrument;

use crate::reconcile::act::Executor;
use crate::reconcile::act::attempt::Tried;
use crate::reconcile::act::call::Caller;
use crate::reconcile::act::journal::Journal;
use crate::reconcile::brakes::narrow::narrow;
use crate::reconcile::brakes::{fight_report, withheld};
use crate::reconcile::profile_slice::{ChosenProfiles, fetched_sources};
use crate::reconcile::profiles::give::{Gifts, Giver, NotedGift};
use crate::reconcile::pushes::lost_updates;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::report::PassReport;
use crate::reconcile::tell::gauges;

/// What one slice did and what is left.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) report: PassReport,
    /// Due work was left because the slice was over: go on at once.
    pub(crate) more: bool,
    /// When all that waits for the sources to say so again will have settled, where anything does.
    pub(crate) settled_at: Option<Instant>,
}

/// The plan of a slice, as far as it may be carried out.
struct SlicePlan {
    plan: Arc<Plan>,
    /// The planner's number for it, where the slice changed nothing in it.
    number: Option<u64>,
    /// It was dealt with before, whatever woke us.
    is_known: bool,
}

impl Reconciler {
    /// Plans and carries out the due part, for a few seconds at most. The journal is opened when the first line is written.
    #[instrument(name = "reconcile.pass", skip_all)]
    pub(crate) async fn slice(&mut self, journal: &mut Option<Journal>, stop: &CancellationToken) -> Result<Slice> {
        let now = Instant::now();
        self.fights.end(&mut self.world, now);
        self.returns.end(&mut self.world, now);
        let SlicePlan { plan, number, is_known } = self.plan_slice(now).await?;
        gauges::measure(&self.world, &plan);
        let whole = !self.trouble.hides_something();
        self.peopled_teams.keep(&self.store).await?;
        self.held.keep(&self.store, &self.world, &plan, self.sees_all(&plan), is_known).await?;
        self.strangers.keep(&self.store, &self.world).await?;
        let withheld = self.withheld.compare(&self.store, &self.world, &plan, whole, is_known).await?;
        let fights = fight_report::new_fights(&mut self.fights, &self.store, &mut self.world, &plan).await?;
        let lost = lost_updates::reports(&mut self.pushes.lost_updates, &self.world, now);
        let paused = self.look_at_brake().await?;
        let (due, waiting): (Vec<&Action>, Vec<&Action>) =
            plan.due().partition(|action| paused.is_none() && self.may_try(&plan, &action.change, now));
        let ChosenProfiles { due, later, gifts } = self.choose_profiles(due, now).await?;
        let mut report = self.report(&plan, number);
        report.paused = paused;
        let waiting = waiting.iter().filter(|action| self.settle.has_settled(&action.change)).count();
        report.waiting = waiting;
        report.settling = self.settle.len();
        report.later = later;
        if !withheld.begun.is_empty() || !fights.is_empty() || !lost.is_empty() || !due.is_empty() {
            let journal = match journal {
                Some(journal) => journal,
                None => journal.insert(Journal::open(&self.store).await?),
            };
            journal.write_withheld(&self.store, &self.world, &withheld).await?;
            journal.write_fights(&self.store, &self.world, &fights).await?;
            journal.write_lost_updates(&self.store, lost).await?;
            self.accounts_seen.forget_old();
            let fetched = fetched_sources(&due, gifts.as_ref());
            let (tried, noted) = self.execute(&due, gifts, journal, stop).await?;
            self.note_tried(noted);
            self.forget_fetched(&fetched, &tried);
            report.waiting += due.len() - tried.len();
            let closings: Vec<UserIx> =
                tried.iter().filter_map(|(index, _)| Some(due[*index].change.closes()?.0)).collect();
            self.apply_outcomes(&due, tried, &mut report);
            // Another may lead by now, and have closed what this process left: what it knows of that is no word on it.
            if self.lease.holds() {
                self.note_closings(closings.into_iter()).await?;
            }
        } else {
            withheld::forget_ended(&self.store, &withheld).await?;
        }
        fight_report::tell_lasting(&mut self.fights, &self.store, &mut self.world).await?;
        self.returns.name_inviters(&self.store, &self.world).await?;
        if self.peopled_teams.has_approved() {
            let left = self.plan().await?;
            let sees_all = self.sees_all(&left);
            self.peopled_teams.forget_approved(&self.store, &mut self.world, &left, sees_all).await?;
        }
        self.forget_reopened().await?;
        let has_settled = |leave: &ClearedLeave| self.settle.may(&leave.key());
        self.cleared_leaves.record(&self.store, &mut self.world, &plan, has_settled).await?;
        let may_go_on = !stop.is_cancelled() && !self.trouble.is_synapse_away;
        let settled_at = self.settle.last().filter(|_| may_go_on && report.paused.is_none());
        self.settle.end_slice(report.paused.is_some());
        Ok(Slice { more: may_go_on && report.waiting > waiting, settled_at, report })
    }

    /// A slice that ends once `paused` does, with its words: what is in flight ends, and nothing more is begun, nor by the next slice.
    pub(crate) async fn slice_until(
        &mut self,
        journal: &mut Option<Journal>,
        stop: &CancellationToken,
        paused: impl Future<Output = String>,
    ) -> Result<Slice> {
        let brake = stop.child_token();
        let mut working = pin!(self.slice(journal, &brake));
        let words = tokio::select! {
            slice = &mut working => return slice,
            words = paused => words,
        };
        brake.cancel();
        let mut slice = working.await?;
        slice.report.paused = Some(words);
        Ok(Slice { more: false, settled_at: None, ..slice })
    }

    /// Whether nothing is left out of the plan for want of a reading: a room, a source, the accounts or Synapse itself.
    pub(crate) fn sees_all(&self, plan: &Plan) -> bool {
        !self.trouble.hides_something() && plan.is_whole(&self.world)
    }

    /// The plan with what was approved let go, and without the levels that fights, delays and settling keep from being done yet.
    async fn plan_slice(&mut self, now: Instant) -> Result<SlicePlan> {
        let mut plan = self.plan().await?;
        if self.told.as_ref().map(|(number, _)| *number) != self.planner.version() {
            self.backoff.keep_only(&plan, &self.world);
        }
        let released = self.approval.release(&self.world, &mut plan);
        self.fights.note(&self.world, &plan);
        self.settle.note(&self.world, &plan, &self.approval, now);
        let narrowed = narrow(&self.world, &mut plan, |key| {
            self.fights.may(key, now) && self.backoff.may(key, now) && self.settle.may(key)
        });
        let number = self.planner.version().filter(|_| !released && !narrowed);
        let is_known = number.is_some() && self.told.as_ref().map(|(number, _)| *number) == number;
        Ok(SlicePlan { plan, number, is_known })
    }

    /// Why nothing may be written, where somebody has paused everything.
    pub(crate) async fn look_at_brake(&self) -> Result<Option<String>> {
        let paused = self.store.paused().await.context("look at the brake")?;
        metrics::gauge!("provisioner_paused").set(f64::from(u8::from(paused.is_some())));
        Ok(paused.map(|paused| paused.to_string()))
    }

    fn may_try(&self, plan: &Plan, change: &Change, now: Instant) -> bool {
        let has_account = change.needs().is_none_or(|user| {
            // Who was asked to come back, or is entitled anew, is no account that Synapse parts just now.
            let is_cleared = |room| self.world.room(room).voluntary_leave(user).is_some_and(|left| left.cleared);
            let may_come = |room| !self.account_checks.is_pending(user) || is_cleared(room);
            self.has_account(plan, user, now) && change.room().is_none_or(may_come)
        });
        has_account
            && self.backoff.is_due(change, now)
            && change.counted().all(|key| self.fights.may(&key, now))
            && self.settle.is_due(change)
    }

    /// Whether the account is open, or is made or opened in this slice: what is in backoff, or fought over, is waited for.
    fn has_account(&self, plan: &Plan, user: UserIx, now: Instant) -> bool {
        let there = self.world.mirror.accounts.get(user);
        let opening = Change::CreateAccount { user };
        there.present && !there.deactivated && !there.locked
            || plan.has(&self.world, &opening.key()) && self.backoff.is_due(&opening, now)
    }

    /// Carries out what is due, and returns what became of each action that was come to, by its place in `due`.
    async fn execute(
        &self,
        due: &[&Action],
        gifts: Option<HashMap<UserIx, Gifts>>,
        journal: &Journal,
        stop: &CancellationToken,
    ) -> Result<(Vec<(usize, Tried)>, Vec<NotedGift>)> {
        let origins = self.origins(due).await?;
        let (homeserver, store, world) = (&self.homeserver, &self.store, &self.world);
        let giver = gifts.map(|gifts| Giver {
            homeserver,
            store,
            world,
            gifts,
            tried: Mutex::default(),
            uploading: Default::default(),
        });
        let executor = Executor {
            caller: Caller {
                homeserver: &self.homeserver,
                world: &self.world,
                accounts_seen: &self.accounts_seen,
                origins,
                giver,
            },
            store: &self.store,
            journal,
            approval: &self.approval,
            lease: &self.lease,
            stop,
        };
        let tried = executor.execute(due).await.context("write the ledger")?;
        let noted = executor.caller.giver.map(|giver| giver.tried.into_inner());
        Ok((tried, noted.unwrap_or_default()))
    }

    /// `number` is the plan's, where it is the planner's own.
    fn report(&mut self, plan: &Plan, number: Option<u64>) -> PassReport {
        let told = self.told.take().filter(|(its, _)| Some(*its) == number).map(|(_, report)| report);
        let mut report = told.unwrap_or_else(|| gauges::report(&self.world, plan));
        self.told = number.map(|number| (number, report.clone()));
        report.not_due = self.approval.not_due();
        report.errors.extend(self.approval.refusals().cloned());
        report.errors.extend(self.trouble.roster.clone());
        report.errors.extend(self.trouble.homeserver.clone());
        report
    }
}
