//! The service's loop: woken by anything, it refreshes what may have changed, does one slice, and waits again.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::DateTime;
use provisioner_policy::{RoomStatus, SourceState, THE_ROSTER};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::reconcile::act::journal::Journal;
use crate::reconcile::handle::QueryQueue;
use crate::reconcile::profiles::ProfileGiver;
use crate::reconcile::read::readings::PATIENCE;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::report::PassReport;
use crate::reconcile::status::StatusPublisher;
use crate::reconcile::wakes::{Wakes, Woken};
use crate::store::{Asked, Noticed, Store};

/// A pass that somebody asked for does not end while rooms are being read, for so long.
const LONGEST_READING: Duration = Duration::from_secs(60);

/// How often others are told how a long pass goes: the Staff room hears of what is held while a fill lasts for hours.
const BEAT: Duration = Duration::from_secs(2);

/// A lost notification costs at most this: so often it is looked what is noted in the database.
const FALLBACK_POLL: Duration = Duration::from_secs(5);

/// Synapse retries a transaction for minutes to hours; a repeated event is known by its row for this long.
const INBOX_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
const TRIM_INTERVAL: Duration = Duration::from_secs(3600);

/// What the service tells the readiness of.
pub const ROSTER: &str = "roster";
pub const HOMESERVER: &str = "homeserver";
pub const POOL: &str = "pool";

/// Told what is ready and what is not: a name, and the reason why not.
#[derive(Clone)]
pub struct ReadinessReporter(Arc<dyn Fn(&'static str, Option<String>) + Send + Sync>);

impl ReadinessReporter {
    /// Calls `tell` with every change.
    pub fn new(tell: impl Fn(&'static str, Option<String>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Says that `name` is ready, or why not.
    pub fn set(&self, name: &'static str, reason: Option<String>) {
        (self.0)(name, reason);
    }
}

impl fmt::Debug for ReadinessReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadinessReporter")
    }
}

/// The loop and its clocks.
#[derive(Debug)]
pub struct Service {
    pub reconciler: Reconciler,
    pub wakes: Wakes,
    pub readiness: ReadinessReporter,
    pub poll_interval: Duration,
    pub resync_interval: Duration,
    pub queries: QueryQueue,
    pub status: StatusPublisher,
    /// What was read of what others note.
    pub noticed: Noticed,
}

/// When what is due next.
struct Clocks {
    poll: Instant,
    resync: Instant,
    trim: Instant,
    look: Instant,
}

/// A pass in progress: over one or more slices, with those who asked for it.
#[derive(Default)]
struct Pass {
    journal: Option<Journal>,
    report: PassReport,
    /// Requests that its report answers.
    asked: Vec<i64>,
    /// Requests of the Staff room that approve what is held: each is answered by what came of that.
    approving: Vec<i64>,
    /// Requests with an approval that is still to be spent, and when they were taken.
    approvals: Vec<(Instant, Asked)>,
    of: Option<usize>,
    began: Option<Instant>,
    /// When others were last told how it goes.
    told: Option<Instant>,
    /// When what was settling at the end of a slice will have settled: those who asked wait for it, and not for what begins
    /// to settle meanwhile.
    settled_at: Option<Instant>,
}

impl Service {
    /// Works until `stop`. An error means that the database is gone; the caller begins anew with fresh readings.
    pub async fn run(mut self, stop: &CancellationToken) -> Result<()> {
        if !self.reconciler.leads(stop).await {
            return Ok(());
        }
        let interrupted = self.reconciler.store.close_interrupted().await.context("close interrupted attempts")?;
        if interrupted > 0 {
            info!(interrupted, "attempts of an earlier run ended without an answer; their effect is read from Synapse");
        }
        self.reconciler.leads_since = Some(self.reconciler.store.now().await.context("read the database's clock")?);
        let now = Instant::now();
        let mut clocks = Clocks { poll: now, resync: now, trim: now, look: now };
        let mut pass = Pass::default();
        let mut woken = self.wakes.drain() | Woken::ALL;
        while self.reconciler.leads(stop).await {
            self.refresh(woken, &mut clocks, &mut pass).await?;
            if self.queries.answer(&mut self.reconciler).await? && self.wakes.pending() {
                // The asker may have asked for a pass, too: what is done now is then in its report.
                woken = self.wakes.drain();
                continue;
            }
            // Ready is who has read everything: the work that follows may take hours.
            self.tell();
            if !self.reconciler.leads(stop).await {
                break;
            }
            let more = self.slice(&mut pass, stop).await?;
            self.tell();
            if !more {
                self.wait(&clocks, stop).await;
            }
            woken = self.wakes.drain();
        }
        Ok(())
    }

    async fn refresh(&mut self, woken: Woken, clocks: &mut Clocks, pass: &mut Pass) -> Result<()> {
        let now = Instant::now();
        let woken = woken | self.look(clocks, now).await?;
        // The inbox is looked at whatever woke us: a notification may be lost.
        let mut sources = woken | Woken::INBOX;
        if clocks.poll <= now {
            sources = sources | Woken::ROSTER;
        }
        if woken.contains(Woken::REQUESTS) && self.claim_requests(pass).await? {
            // A request wants the truth, not what was true at the last resync, and a report that names what fails now, not
            // how many are waiting.
            (sources, clocks.resync) = (sources | Woken::ROSTER | Woken::PROFILES, now);
            self.reconciler.try_all_now(now);
            pass.settled_at = None;
        }
        if self.reconciler.settle.next().is_some_and(|settled| settled <= now) {
            // It was planned for long enough; now the sources must say so again.
            sources = sources | Woken::BELONGING;
        }
        if clocks.trim <= now {
            let more = self.reconciler.store.trim(INBOX_KEPT).await.context("remove what is done and old")?;
            clocks.trim = if more { now } else { now + TRIM_INTERVAL };
            self.reconciler.store.tell_refused_commands().await.context("tell how many commands were refused")?;
        }
        let resync = clocks.resync <= now;
        if resync {
            self.reconciler.resync();
            clocks.resync = now + self.resync_interval;
            sources = sources | Woken::ACCOUNTS | Woken::PROFILES;
        }
        self.reconciler.read_sources(sources).await?;
        if sources.contains(Woken::ROSTER) {
            clocks.poll = Instant::now() + self.poll_interval;
        }
        self.reconciler.look_if_due(now).await;
        self.reconciler.take_over_readings().await?;
        if resync || self.reconciler.is_reading_due(now) {
            self.reconciler.read_mirror(resync, Some(PATIENCE)).await?;
        }
        if resync {
            self.status.resynced();
        }
        Ok(())
    }

    /// Looks now and then what is noted in the database and was not notified.
    async fn look(&mut self, clocks: &mut Clocks, now: Instant) -> Result<Woken> {
        if clocks.look > now {
            return Ok(Woken::default());
        }
        clocks.look = now + FALLBACK_POLL;
        let news = self.reconciler.store.look(&mut self.noticed).await.context("look what is noted in the database")?;
        let mut woken = Woken::default();
        if news.requests {
            woken = woken | Woken::REQUESTS;
        }
        if news.accounts {
            woken = woken | Woken::ACCOUNTS;
        }
        Ok(woken)
    }

    /// Adds the new requests for a pass, with what they approve, to the pass. Returns whether there are any.
    async fn claim_requests(&self, pass: &mut Pass) -> Result<bool> {
        let since = self.reconciler.leads_since.unwrap_or(DateTime::UNIX_EPOCH);
        let mut asked = self.reconciler.store.claim_pass_requests(since).await.context("take requests for a pass")?;
        // Those that this pass answers already are unfinished too, and what they approve was approved.
        asked.retain(|one| !pass.asked.contains(&one.id) && !pass.approving.contains(&one.id));
        let is_new = !asked.is_empty();
        for one in &asked {
            let is_tap = one.approve.is_some() && one.requested_by.starts_with('@');
            if is_tap { &mut pass.approving } else { &mut pass.asked }.push(one.id);
        }
        let now = Instant::now();
        pass.approvals.extend(asked.into_iter().filter(|one| one.approve.is_some()).map(|one| (now, one)));
        Ok(is_new)
    }

    /// Does a slice; answers whether to go on at once.
    async fn slice(&mut self, pass: &mut Pass, stop: &CancellationToken) -> Result<bool> {
        let began = *pass.began.get_or_insert_with(Instant::now);
        self.spend_approvals(pass).await?;
        let store = self.reconciler.store.clone();
        let slice = self.reconciler.slice_until(&mut pass.journal, stop, paused(&self.wakes, &store)).await?;
        self.answer_approving(&mut pass.approving, &pass.approvals, &slice.report, false).await?;
        let is_paused = slice.report.paused.is_some();
        let is_left = slice.report.waiting > 0 && self.reconciler.settle.wants_asking();
        pass.report.add(slice.report);
        let of = *pass.of.get_or_insert(pass.report.ended() + pass.report.waiting);
        if slice.more {
            if pass.told.is_none_or(|told| told.elapsed() >= BEAT) {
                self.status.beat(&self.reconciler, &pass.report);
                pass.told = Some(Instant::now());
            }
            let waiting = [pass.asked.as_slice(), &pass.approving].concat();
            if !waiting.is_empty() {
                let progress = json!({"done": pass.report.ended(), "of": of});
                let told = self.reconciler.store.set_pass_progress(&waiting, &progress).await;
                told.context("tell how far the pass is")?;
            }
            return Ok(true);
        }
        let settles = slice.settled_at.map(|at| *pass.settled_at.get_or_insert(at));
        let settles = settles.is_some_and(|at| !self.reconciler.settle.was_asked_since(at));
        // Who asked wants to hear of all rooms.
        let reads = self.reconciler.readings.any() && began.elapsed() < LONGEST_READING;
        let gives = pass.report.later > 0 && began.elapsed() < LONGEST_READING;
        let is_awaited = !(pass.asked.is_empty() && pass.approving.is_empty());
        // What is left is done once the sources have said so again, in this pass. A pause ends it, with what was approved for it.
        if !is_paused && (is_left || !pass.approvals.is_empty() || is_awaited && (settles || reads || gives)) {
            return Ok(false);
        }
        let mut done = std::mem::take(pass);
        if !stop.is_cancelled() {
            self.answer_approving(&mut done.approving, &[], &done.report, true).await?;
        }
        self.reconciler.end_pass();
        self.status.pass_ended(&self.reconciler, &done.report);
        metrics::counter!("provisioner_passes_total", "outcome" => done.report.outcome()).increment(1);
        metrics::histogram!("provisioner_pass_seconds").record(began.elapsed().as_secs_f64());
        if let Some(paused) = &done.report.paused {
            debug!("{paused}");
        }
        if let Some(journal) = done.journal {
            let report = &done.report;
            info!(
                pass = journal.pass,
                done = report.done,
                already_so = report.already_so,
                failed = report.failed.len(),
                held = report.held,
                observed = report.observed,
                "pass ended"
            );
        }
        if !done.asked.is_empty() && !stop.is_cancelled() {
            let report = serde_json::to_value(&done.report).context("write the report")?;
            self.reconciler.store.finish_pass_requests(&done.asked, &report).await.context("answer who asked")?;
        }
        Ok(false)
    }

    /// Spends the approvals of the pass. What is held in a room that is being read cannot be seen, and an approval has all rooms
    /// read again: the next one waits for that, and for what the pool says, unless everything is paused.
    async fn spend_approvals(&mut self, pass: &mut Pass) -> Result<()> {
        self.reconciler.take_back_refused().await?;
        if pass.approvals.is_empty() {
            return Ok(());
        }
        let is_paused = self.reconciler.look_at_brake().await?.is_some();
        let reads = self.reconciler.readings.any_that_answers();
        for (taken, asked) in std::mem::take(&mut pass.approvals) {
            let reads = reads && taken.elapsed() < LONGEST_READING;
            if !is_paused && (reads || self.reconciler.asks_for_offboarded(Some(asked.id)).await?) {
                pass.approvals.push((taken, asked));
            } else {
                self.reconciler.spend_approval(&asked).await?;
            }
        }
        Ok(())
    }

    /// Answers those whose approved changes have all ended, or where the pass `is_over` all of them: a fill may go on for hours.
    /// Whose approval is `unspent` waits.
    async fn answer_approving(
        &mut self,
        approving: &mut Vec<i64>,
        unspent: &[(Instant, Asked)],
        slice: &PassReport,
        is_over: bool,
    ) -> Result<()> {
        for id in std::mem::take(approving) {
            let waits = unspent.iter().any(|(_, asked)| asked.id == id);
            let answer = if waits { None } else { self.reconciler.approval.answer(id, is_over, slice) };
            let Some(report) = answer else {
                approving.push(id);
                continue;
            };
            let report = serde_json::to_value(&report).context("write the report")?;
            self.reconciler.store.finish_pass_requests(&[id], &report).await.context("answer who approved")?;
        }
        Ok(())
    }

    fn tell(&self) {
        let world = self.reconciler.world();
        let trouble = &self.reconciler.trouble;
        self.readiness.set(ROSTER, trouble.roster.clone());
        let of_the_pool = world.facts.source_states(&world.names).into_iter().find_map(|(source, state)| match state {
            SourceState::Failing(why) if source != THE_ROSTER => Some(format!("{source} cannot be read: {why}")),
            _ => None,
        });
        self.readiness.set(POOL, of_the_pool);
        let unread = world.rooms().find_map(|room| match &world.room(room).status {
            RoomStatus::Unreadable(why) => Some(format!("{}: {why}", room.key(world))),
            _ => None,
        });
        let is_read =
            world.mirror.accounts_listed && world.rooms().all(|room| self.reconciler.pushes.read_times.has(room));
        let waiting = || (!is_read).then(|| "Synapse has not been read yet".to_owned());
        self.readiness.set(HOMESERVER, trouble.homeserver.clone().or(unread).or_else(waiting));
    }

    async fn wait(&mut self, clocks: &Clocks, stop: &CancellationToken) {
        let due = [Some(clocks.poll), Some(clocks.resync), self.reconciler.next_due()];
        let fallback = Instant::now() + FALLBACK_POLL;
        let until = due.into_iter().flatten().fold(fallback, Instant::min);
        // The watch over the brake may have taken the signal; what it was about is still there.
        if self.wakes.pending() {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.wakes.woken() => {}
            () = self.reconciler.readings.one_ends() => {}
            () = self.reconciler.upgrades.one_ends() => {}
            () = self.reconciler.offboarded.one_ends() => {}
            () = picture_ends(&mut self.reconciler.profiles) => {}
            () = tokio::time::sleep_until(until.into()) => {}
        }
    }
}

/// Waits until a picture that is being fetched is there; for ever where none is.
async fn picture_ends(profiles: &mut Option<ProfileGiver>) {
    match profiles {
        Some(giver) => giver.fetches.one_ends().await,
        None => std::future::pending().await,
    }
}

/// Ends when somebody pauses everything. A pause is notified as a request; the pushes of our own writes, one or two a write, are no
/// reason to ask the database.
async fn paused(wakes: &Wakes, store: &Store) -> String {
    loop {
        wakes.woken().await;
        if wakes.said(Woken::REQUESTS)
            && let Ok(Some(paused)) = store.paused().await
        {
            return paused.to_string();
        }
    }
}
