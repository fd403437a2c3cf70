//! The reconciler: the world, and one slice of work on it. It keeps nothing that a restart must not lose. How it learns
//! about the world is in `refresh`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use provisioner_policy::{AccountsFrom, Action, Change, Kind, OnServer, Plan, Planner, Policy, Recent, World};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::instrument;

use super::report::{Failed, PassReport};
use crate::homeserver::{CallError, Homeserver};
use crate::reconcile::act::backoff::Backoff;
use crate::reconcile::act::{Executor, Tried};
use crate::reconcile::brakes::approval::Approval;
use crate::reconcile::brakes::fight_report;
use crate::reconcile::brakes::fights::Fights;
use crate::reconcile::brakes::held::HeldPlans;
use crate::reconcile::brakes::withheld::{self, Withheld};
use crate::reconcile::pushes::PushClassifier;
use crate::reconcile::pushes::own_state;
use crate::reconcile::read::arrivals::ArrivalsRead;
use crate::reconcile::read::cleared_leaves::ClearedLeaves;
use crate::reconcile::read::member_count::MemberCount;
use crate::reconcile::read::rooms::distrust;
use crate::reconcile::tell::gauges;
use crate::sources::Roster;
use crate::store::{AccountsRead, ClearedLeaveRow, PassId, Store};

/// Everything a pass needs.
#[derive(Debug)]
pub struct Reconciler {
    pub(crate) world: World,
    pub(crate) planner: Planner,
    /// What is told of the plan last made, by its number.
    told: Option<(u64, PassReport)>,
    pub(crate) store: Store,
    pub(crate) homeserver: Homeserver,
    pub(crate) roster: Option<Roster>,
    pub(crate) backoff: Backoff,
    pub(crate) fights: Fights,
    pub(crate) member_count: MemberCount,
    withheld: Withheld,
    held: HeldPlans,
    approval: Approval,
    pub(crate) pushes: PushClassifier,
    pub(crate) arrivals_read: ArrivalsRead,
    pub(crate) accounts_total: Option<u64>,
    /// Read once; later ones are made here, by the one replica that reconciles.
    pub(crate) cleared_leaves: Option<ClearedLeaves>,
    pub(crate) trouble: Trouble,
    /// How far the account store was read.
    pub(crate) accounts_read: AccountsRead,
    /// What groups said before is not what they say: until they were read again after this, they take nothing from anyone.
    pub(crate) groups_since: Option<DateTime<Utc>>,
    /// Which members the world has of each group, by the store's number for them.
    pub(crate) groups_read: BTreeMap<String, i64>,
    /// Told whom the sources name and the account store does not know.
    pub(crate) unknown: watch::Sender<Vec<String>>,
}

/// What is wrong beside single actions. Empty texts mean nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) roster: Option<String>,
    pub(crate) homeserver: Option<String>,
}

/// What one slice did and what is left.
#[derive(Debug)]
pub struct Slice {
    pub report: PassReport,
    /// Due work was left because the slice was over: go on at once.
    pub more: bool,
}

impl Reconciler {
    /// A reconciler that has read nothing yet.
    pub fn new(
        policy: Policy,
        accounts_from: AccountsFrom,
        store: Store,
        homeserver: Homeserver,
        roster: Option<Roster>,
    ) -> Self {
        let mut world = World::new(policy);
        world.set_accounts_from(accounts_from);
        Self {
            world,
            planner: Planner::default(),
            told: None,
            store,
            homeserver,
            roster,
            backoff: Backoff::default(),
            fights: Fights::default(),
            member_count: MemberCount::default(),
            withheld: Withheld::default(),
            held: HeldPlans::default(),
            approval: Approval::default(),
            pushes: PushClassifier::default(),
            arrivals_read: ArrivalsRead::default(),
            accounts_total: None,
            cleared_leaves: None,
            trouble: Trouble::default(),
            accounts_read: AccountsRead::default(),
            groups_since: None,
            groups_read: BTreeMap::new(),
            unknown: watch::Sender::default(),
        }
    }

    /// The world as it is known.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Whom the sources name and the account store does not know, as it changes: with a pool, it can be asked.
    pub fn unknown(&self) -> watch::Receiver<Vec<String>> {
        self.unknown.subscribe()
    }

    /// Why Synapse could not be read, where it could not.
    pub fn homeserver_trouble(&self) -> Option<&str> {
        self.trouble.homeserver.as_deref()
    }

    /// When something is due by itself: a failed action's next try, or a count.
    pub fn next_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let due = [self.backoff.next(now), self.fights.next(&self.world, now), self.member_count.due()];
        due.into_iter().flatten().min()
    }

    /// Ends the delays of what failed before.
    pub fn try_all_now(&mut self, now: Instant) {
        self.backoff.all_due(now);
    }

    /// The plan for the world as it is known. The ledger is only asked where something might be removed.
    pub async fn plan(&mut self) -> Result<Arc<Plan>> {
        self.planner.evaluate(&mut self.world);
        let mut recent = Recent::default();
        if self.planner.evaluated().takes(&self.world) {
            recent = self.recent().await?;
        }
        if self.planner.evaluated().may_be_pool_move(&self.world) {
            recent.joined = self.arrivals_read.arrivals(&self.store, &self.world).await?;
        } else {
            self.arrivals_read = ArrivalsRead::default();
        }
        Ok(self.planner.plan(&mut self.world, &recent))
    }

    /// What was taken away within the guard's window.
    async fn recent(&self) -> Result<Recent> {
        let window = Duration::from_secs(self.world.policy.guard.window_seconds);
        let rows = self.store.recently_taken(window.as_secs_f64()).await.context("count what was taken lately")?;
        let mut recent = Recent::default();
        for row in rows {
            let Ok(kind) = row.kind.parse::<Kind>() else { continue };
            let room = row.room_id.as_deref().map(|id| self.world.room_by_id(id));
            // A room that is no longer managed still counts for its class, by no room's share.
            let bucket = (kind.class(), room.flatten());
            *recent.taken.entry(bucket).or_default() += u32::try_from(row.taken).unwrap_or_default();
        }
        recent.taken.retain(|_, taken| *taken > 0);
        if let Some(held) = self.store.held_plan().await.context("read the held plan")? {
            recent.remember(&self.world, &serde_json::from_value::<Vec<_>>(held.counts).unwrap_or_default());
        }
        Ok(recent)
    }

    /// Approves what the guard holds now, for the pass that follows, if it is the part called `id`.
    pub async fn approve_held(&mut self, id: &str, by: &str) -> Result<()> {
        let plan = self.plan().await?;
        if let Some(paused) = self.store.paused().await.context("look at the brake")? {
            self.approval.refusals.push(format!("{id} is not approved: {paused}"));
        } else if plan.held_id(&self.world).as_deref() == Some(id) {
            // What was shown by a command may not be stored yet.
            self.held.keep(&self.store, &self.world, &plan, true).await?;
            self.held.record_approval(&self.store, id, by).await?;
            self.approval.grant(&plan, by);
        } else {
            self.approval.refuse(&self.world, &plan, id);
        }
        Ok(())
    }

    /// Forgets what was approved: it was for one pass.
    pub fn end_pass(&mut self) {
        self.approval = Approval::default();
    }

    /// Plans and carries out the due part, for a few seconds at most. `pass` is made when the first line is written.
    #[instrument(name = "reconcile.pass", skip_all)]
    pub async fn slice(&mut self, pass: &mut Option<(PassId, i32)>, stop: &CancellationToken) -> Result<Slice> {
        let now = Instant::now();
        self.fights.end(&mut self.world, now);
        let mut plan = self.plan().await?;
        let released = self.approval.release(&mut plan);
        let narrowed = self.fights.narrow(&self.world, &mut plan, now);
        // A plan that was dealt with is known by its number, whatever woke us.
        let number = self.planner.version().filter(|_| !released && !narrowed);
        let is_known = number.is_some() && self.told.as_ref().map(|(number, _)| *number) == number;
        if !is_known {
            self.backoff.keep_only(&plan, &self.world);
        }
        gauges::measure(&self.world, &plan);
        let whole = self.trouble == Trouble::default();
        self.held.keep(&self.store, &self.world, &plan, whole).await?;
        let withheld = self.withheld.compare(&self.store, &self.world, &plan, whole, is_known).await?;
        let mut reports = self.stopped(&plan).await?;
        reports.extend(self.report_lost_updates(now));
        let paused = self.store.paused().await.context("look at the brake")?;
        metrics::gauge!("provisioner_paused").set(f64::from(u8::from(paused.is_some())));
        let (due, waiting): (Vec<&Action>, Vec<&Action>) =
            plan.due().partition(|action| paused.is_none() && self.may_try(&action.change, now));
        let mut report = self.report(&plan, number);
        report.paused = paused.map(|paused| paused.to_string());
        report.waiting = waiting.len();
        if withheld.has_lines() || !reports.is_empty() || !due.is_empty() {
            let (pass, seq) = match pass {
                Some(pass) => pass,
                None => pass.insert((self.store.new_pass().await.context("number the pass")?, 0)),
            };
            let origins = self.origins(&due).await?;
            withheld::write(&self.store, *pass, seq, withheld).await?;
            fight_report::write(&self.store, *pass, seq, reports).await?;
            let (store, homeserver) = (&self.store, &self.homeserver);
            let executor = Executor {
                homeserver,
                store,
                world: &self.world,
                pass: *pass,
                approval: &self.approval,
                origins,
                stop,
            };
            let tried = executor.execute(&due, *seq).await.context("write the ledger")?;
            *seq += i32::try_from(due.len()).unwrap_or(i32::MAX - *seq);
            report.waiting += due.len() - tried.len();
            self.apply_outcomes(&due, tried, &mut report);
        } else {
            withheld::forget(&self.store, &withheld).await?;
        }
        self.forget_reopened().await?;
        self.pardon(&plan).await?;
        let more = report.waiting > waiting.len();
        Ok(Slice { more: more && !stop.is_cancelled() && self.trouble.homeserver.is_none(), report })
    }

    fn apply_outcomes(&mut self, due: &[&Action], tried: Vec<(usize, Tried)>, report: &mut PassReport) {
        let now = Instant::now();
        let (mut unreachable, mut moved) = (None, false);
        for (index, tried) in tried {
            let change = &due[index].change;
            match tried {
                Tried::Done | Tried::AlreadySo => {
                    self.take_effect(change);
                    if matches!(tried, Tried::Done) {
                        self.expect_echo(change, now);
                        self.note_success(change, now);
                        (moved, report.done) = (true, report.done + 1);
                    } else {
                        report.already_so += 1;
                        // A reading that contradicts the answer for good must not make us ask for ever.
                        self.backoff.failed(change, now, None);
                        // The mirror was behind: what else it missed is in the room.
                        change.room().into_iter().for_each(|room| distrust(&mut self.world, room));
                    }
                }
                Tried::Wrote(written) => {
                    let mirrored = own_state::put(&mut self.world, &written);
                    self.pushes.own_state.wrote(written, mirrored, now);
                    self.note_success(change, now);
                    report.done += 1;
                }
                // The next plan is made from a new reading.
                Tried::Outdated | Tried::Refused(_) => {
                    self.backoff.failed(change, now, None);
                    change.room().into_iter().for_each(|room| distrust(&mut self.world, room));
                    match tried {
                        Tried::Refused(why) => report.failed.push(failed(&self.world, change, why)),
                        _ => report.waiting += 1,
                    }
                }
                Tried::Left => report.waiting += 1,
                Tried::NoAccount => self.backoff.failed(change, now, None),
                Tried::Failed(error) => {
                    self.backoff.failed(change, now, error.retry_after());
                    self.learn_from(change, &error);
                    report.failed.push(failed(&self.world, change, error.to_string()));
                    if error.is_transport() {
                        unreachable = Some(error);
                    }
                }
            }
        }
        // State events move nobody: there is nothing to count.
        if moved {
            self.member_count.after_writes(now);
        }
        if unreachable.is_some() {
            self.note_homeserver(unreachable);
        }
    }

    /// Puts into the mirror what a write did. Of a state that was so already, the next reading says what it is.
    fn take_effect(&mut self, change: &Change) {
        if matches!(change, Change::SetRoomState { .. } | Change::SetPowerLevels { .. }) {
            return;
        }
        self.world.take_effect(change);
        if let Change::CreateAccount { .. } = change {
            self.accounts_total = self.accounts_total.map(|total| total + 1);
        }
    }

    fn may_try(&self, change: &Change, now: Instant) -> bool {
        self.backoff.is_due(change, now) && self.fights.is_due(change, now)
    }

    fn note_success(&mut self, change: &Change, now: Instant) {
        self.backoff.succeeded(change);
        self.fights.done(&mut self.world, change, now);
    }

    /// The push of a write says nothing new.
    fn expect_echo(&mut self, change: &Change, now: Instant) {
        match *change {
            Change::Join { room, user, .. } => self.pushes.own_members.joined(room, user, now),
            Change::Remove { room, user, .. } => self.pushes.own_members.removed(room, user, now),
            _ => {}
        }
    }

    fn learn_from(&mut self, change: &Change, error: &CallError) {
        if matches!(error, CallError::UserUnknown) {
            if let Some(user) = change.user() {
                self.world.set_there(user, OnServer::default());
            }
        } else if error.means_mirror_is_stale() {
            change.room().into_iter().for_each(|room| distrust(&mut self.world, room));
        }
    }

    async fn pardon(&mut self, plan: &Plan) -> Result<()> {
        for pardon in &plan.cleared_leaves {
            let room_id = self.world.policy.rooms[pardon.room.index()].id.clone();
            let user_id = self.world.users.mxid(pardon.user);
            let row = ClearedLeaveRow { room_id, user_id, event_id: pardon.event_id.to_string() };
            self.store.clear_leave(&row).await.context("record a pardon")?;
            self.world.clear_leave(pardon.room, pardon.user, &pardon.event_id);
            self.cleared_leaves.get_or_insert_default().add(row);
        }
        Ok(())
    }

    /// `number` is the plan's, where it is the planner's own.
    fn report(&mut self, plan: &Plan, number: Option<u64>) -> PassReport {
        let told = self.told.take().filter(|(its, _)| Some(*its) == number).map(|(_, report)| report);
        let mut report = told.unwrap_or_else(|| gauges::report(&self.world, plan));
        self.told = number.map(|number| (number, report.clone()));
        report.errors.extend(self.approval.refusals.iter().cloned());
        report.errors.extend(self.trouble.roster.clone());
        report.errors.extend(self.trouble.homeserver.clone());
        report
    }
}

fn failed(world: &World, change: &Change, error: String) -> Failed {
    Failed {
        kind: change.kind().as_str().to_owned(),
        room: change.room().map(|room| room.key(world).to_owned()),
        user: change.user().map(|user| world.users.mxid(user)),
        error,
    }
}
