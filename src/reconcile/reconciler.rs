//! The reconciler: the world, what is remembered between slices, and the plan. It keeps nothing that a restart must not
//! lose. How it learns about the world is in `read` and `pushes`; what it does, in `slice` and `outcomes`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use provisioner_policy::{AccountsFrom, Kind, Plan, Planner, Policy, Recent, UnknownSubject, World};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::homeserver::Homeserver;
use crate::reconcile::account_check::AccountCheck;
use crate::reconcile::act::accounts_seen::AccountsSeen;
use crate::reconcile::act::backoff::Backoff;
use crate::reconcile::brakes::approval::Approval;
use crate::reconcile::brakes::fights::Fights;
use crate::reconcile::brakes::held::HeldPlans;
use crate::reconcile::brakes::offboarded::OffboardedUsers;
use crate::reconcile::brakes::returns::Returns;
use crate::reconcile::brakes::settle::Settle;
use crate::reconcile::brakes::strangers::StoredStrangers;
use crate::reconcile::brakes::withheld::StoredWithheld;
use crate::reconcile::profiles::ProfileGiver;
use crate::reconcile::pushes::classifier::PushClassifier;
use crate::reconcile::read::account_checks::AccountChecks;
use crate::reconcile::read::arrivals::ArrivalsRead;
use crate::reconcile::read::cleared_leaves::ClearedLeaves;
use crate::reconcile::read::looks::Looks;
use crate::reconcile::read::member_count::MemberCount;
use crate::reconcile::read::pasts::Pasts;
use crate::reconcile::read::peopled_teams::PeopledTeams;
use crate::reconcile::read::readings::RoomReadings;
use crate::reconcile::read::upgrades::Upgrades;
use crate::reconcile::report::PassReport;
use crate::reconcile::tell::backgrounds::Backgrounds;
use crate::sources::Roster;
use crate::store::{AccountsRead, Lease, Store};

/// How often a lapsed lease is looked at: its heartbeat is answered or missed within seconds.
const LEASE_POLL: Duration = Duration::from_millis(50);

/// Everything a pass needs.
#[derive(Debug)]
pub struct Reconciler {
    pub(crate) world: World,
    pub(crate) planner: Planner,
    /// What is told of the plan last made, by its number.
    pub(crate) told: Option<(u64, PassReport)>,
    pub(crate) store: Store,
    pub(crate) homeserver: Homeserver,
    pub(crate) roster: Option<Roster>,
    pub(crate) backoff: Backoff,
    pub(crate) fights: Fights,
    pub(crate) returns: Returns,
    pub(crate) settle: Settle,
    pub(crate) member_count: MemberCount,
    pub(crate) readings: RoomReadings,
    pub(crate) looks: Looks,
    pub(crate) upgrades: Upgrades,
    /// Synapse left something unanswered: whether it is there is to be asked.
    pub(crate) in_doubt: bool,
    pub(crate) withheld: StoredWithheld,
    pub(crate) held: HeldPlans,
    pub(crate) approval: Approval,
    pub(crate) strangers: StoredStrangers,
    pub(crate) pushes: PushClassifier,
    /// The inbox was not read to its end.
    pub(crate) has_more_inbox: bool,
    pub(crate) arrivals_read: ArrivalsRead,
    pub(crate) peopled_teams: PeopledTeams,
    pub(crate) account_checks: AccountChecks,
    pub(crate) accounts_seen: AccountsSeen,
    pub(crate) pasts: Pasts,
    pub(crate) cleared_leaves: ClearedLeaves,
    pub(crate) trouble: Trouble,
    pub(crate) backgrounds: Backgrounds,
    /// How far the account store was read.
    pub(crate) accounts_read: AccountsRead,
    /// Whose lock did not come to its end before this process is known.
    pub(crate) locks_read: bool,
    /// Since when this process leads. Groups that were not read since take nothing from anyone: what they said before may be over.
    pub(crate) leads_since: Option<DateTime<Utc>>,
    /// How long a whole listing of the pool is believed by a process that has not seen it.
    pub(crate) listing_lasts: Duration,
    /// The revision of each group's members that the world has.
    pub(crate) groups_read: BTreeMap<String, i64>,
    /// Told which users the sources name and the account store does not know.
    pub(crate) unknown: watch::Sender<Vec<UnknownSubject>>,
    /// Asked about who approved something; nothing where there is no pool.
    pub(crate) account_check: Option<AccountCheck>,
    pub(crate) offboarded: OffboardedUsers,
    /// Asked before each write.
    pub(crate) lease: Lease,
    /// Leaves by choice are written to the ledger, for others who are told of it.
    pub(crate) notes_leaves: bool,
    /// What names and pictures are given with; nothing where they are left alone.
    pub(crate) profiles: Option<ProfileGiver>,
}

/// What is wrong beside single actions. Empty texts mean nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) roster: Option<String>,
    /// Of Synapse as a whole, or of its list of accounts alone.
    pub(crate) homeserver: Option<String>,
    /// Synapse as a whole: nothing is known of any room.
    pub(crate) is_synapse_away: bool,
}

impl Trouble {
    /// Whether a plan may be poorer than the truth for it. While the accounts cannot be listed anew, what was listed before stands.
    pub(crate) fn hides_something(&self) -> bool {
        self.roster.is_some() || self.is_synapse_away
    }
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
            returns: Returns::default(),
            settle: Settle::default(),
            member_count: MemberCount::default(),
            readings: RoomReadings::default(),
            looks: Looks::default(),
            upgrades: Upgrades::default(),
            in_doubt: false,
            withheld: StoredWithheld::default(),
            held: HeldPlans::default(),
            approval: Approval::default(),
            strangers: StoredStrangers::default(),
            pushes: PushClassifier::default(),
            has_more_inbox: false,
            arrivals_read: ArrivalsRead::default(),
            peopled_teams: PeopledTeams::default(),
            account_checks: AccountChecks::default(),
            accounts_seen: AccountsSeen::default(),
            pasts: Pasts::default(),
            cleared_leaves: ClearedLeaves::default(),
            trouble: Trouble::default(),
            backgrounds: Backgrounds::default(),
            accounts_read: AccountsRead::default(),
            locks_read: false,
            leads_since: None,
            listing_lasts: Duration::MAX,
            groups_read: BTreeMap::new(),
            unknown: watch::Sender::default(),
            account_check: None,
            offboarded: OffboardedUsers::default(),
            lease: Lease::unlimited(),
            notes_leaves: false,
            profiles: None,
        }
    }

    /// Writes only while this holds.
    pub fn write_under(&mut self, lease: Lease) {
        let certain = lease.clone();
        self.homeserver = self.homeserver.writing_while(move || certain.holds());
        self.lease = lease;
    }

    /// Has names and pictures given.
    pub fn give_profiles_by(&mut self, giver: ProfileGiver) {
        self.profiles = Some(giver);
    }

    /// Waits until it is certain that this process leads, or until `stop`, which is false. One that was frozen asks first: what it
    /// read would be marked as handled for nobody, what it holds kept over what others decided, and their attempts be ended.
    pub(crate) async fn leads(&self, stop: &CancellationToken) -> bool {
        while !self.lease.holds() && !stop.is_cancelled() {
            tokio::time::sleep(LEASE_POLL).await;
        }
        !stop.is_cancelled()
    }

    /// The world as it is known.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Users that the sources name and the account store does not know, as they change: a pool can be asked for them.
    pub fn unknown(&self) -> watch::Receiver<Vec<UnknownSubject>> {
        self.unknown.subscribe()
    }

    /// Why Synapse, or its list of accounts, could not be read, where it could not.
    pub fn homeserver_trouble(&self) -> Option<&str> {
        self.trouble.homeserver.as_deref()
    }

    /// When something is due by itself: a failed action's or reading's next try, what has settled, or a count.
    pub fn next_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let actions = [self.backoff.next(now), self.fights.next(&self.world, now), self.settle.next()];
        let looks = [
            self.member_count.due(),
            self.account_checks.due().filter(|_| !self.is_synapse_unread()),
            self.pasts.due(),
            self.looks.due(),
            self.upgrades.due(),
            self.next_reading(),
        ];
        let profiles = self.profiles.as_ref().and_then(|giver| giver.pace.next(now));
        let due = actions.into_iter().chain(looks).chain([profiles]).chain([self.has_more_inbox.then_some(now)]);
        due.flatten().min()
    }

    /// Somebody asked for a pass: ends the delays of what failed before, and has the accounts listed again.
    pub fn try_all_now(&mut self, now: Instant) {
        self.backoff.all_due(now);
        self.readings.accounts.forget(now);
    }

    /// Has the accounts looked at of those who left by their own event.
    pub(crate) fn note_parted(&mut self, now: Instant) {
        self.world.take_parted().into_iter().for_each(|user| self.account_checks.left(user, now));
    }

    /// The plan for the world as it is known. The ledger is only asked where something might be removed.
    pub async fn plan(&mut self) -> Result<Arc<Plan>> {
        self.strangers.read(&self.store, &mut self.world).await?;
        self.world.forget_settled_strangers();
        self.world.forget_lowered_who_are_granted();
        self.note_parted(Instant::now());
        self.planner.evaluate(&mut self.world);
        if self.pasts.settle(&self.homeserver, &mut self.world, self.planner.evaluated()).await {
            // One of these leaves may have been cleared since.
            self.cleared_leaves.apply(&self.store, &mut self.world).await?;
            self.planner.evaluate(&mut self.world);
        }
        let mut recent = Recent::default();
        if self.planner.evaluated().takes(&self.world) {
            recent = self.recent().await?;
        }
        if self.planner.evaluated().may_be_pool_move(&self.world) {
            recent.joined = self.arrivals_read.arrivals(&self.store, &self.world).await?;
        } else {
            self.arrivals_read = ArrivalsRead::default();
        }
        let plan = self.planner.plan(&mut self.world, &recent);
        self.backgrounds.keep(&self.store, &mut self.world).await?;
        self.backgrounds.learn(&self.store, &mut self.world, &plan, self.planner.version()).await?;
        Ok(plan)
    }

    /// Looks up what is known of somebody's past, for what is said of them next.
    pub async fn learn_of(&mut self, mxid: &str) -> Result<()> {
        self.backgrounds.learn_of(&self.store, &mut self.world, mxid).await
    }

    /// What was taken away within the guard's window.
    pub(crate) async fn recent(&mut self) -> Result<Recent> {
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
        recent.withheld = self.withheld.get(&self.store).await?.clone();
        Ok(recent)
    }

    /// Forgets what was approved: it was for one pass.
    pub fn end_pass(&mut self) {
        self.approval = Approval::default();
        self.offboarded = OffboardedUsers::default();
    }
}
