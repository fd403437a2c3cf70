//! Acting: the due part of a plan carried out, in one serial lane a room, one for accounts and one for names and pictures, all at
//! once.
//!
//! No inner retries and no choices: an action succeeds, fails, or is left for the next slice. One failure never stops its
//! siblings; a homeserver that is unreachable or leaves a call unanswered stops all, because every further call would only
//! wait for it.
//!
//! The races that are settled here:
//!
//! - **Killed between call and answer.** `started` is in the ledger before the call; the next leader closes it as
//!   interrupted and plans from what Synapse says (`journal`).
//! - **A removal behind a fill.** What takes access away goes first in its lane ([`Turn`](provisioner_policy::Turn)).
//! - **A join before its account.** It waits for the account made in the same slice, and for no other (`creations`).
//! - **Closed by hand since the listing.** The account is looked at right before its owner is joined, while the join before it in
//!   the lane goes on (`accounts_seen`).
//! - **Changed between plan and write.** State is read again right before it is written; what is not what the plan was made
//!   from is left to the next plan (`state_writes`).
//! - **Our own lock seen as somebody else's.** The store notes it before the call (`call`).

pub(crate) mod accounts_seen;
pub(crate) mod attempt;
pub(crate) mod backoff;
pub(crate) mod call;
pub(crate) mod creations;
pub(crate) mod journal;
pub(crate) mod state_writes;

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, join3};
use futures_util::stream::{self, StreamExt};
use provisioner_policy::{Action, Change, Class};
use tokio_util::sync::CancellationToken;

use crate::homeserver::CallError;
use crate::reconcile::act::attempt::{Attempt, Tried};
use crate::reconcile::act::call::Caller;
use crate::reconcile::act::creations::{Creation, Creations};
use crate::reconcile::act::journal::Journal;
use crate::reconcile::brakes::approval::Approval;
use crate::store::{Lease, Store};

/// How long a slice starts new work before the next one plans again from fresh state. A change waits no longer than this and the calls
/// of a chunk behind any amount of other work; a request to stop, no longer than a call.
const SLICE: Duration = Duration::from_secs(3);

/// Actions whose ledger lines are written together. A kill leaves at most this many attempts a lane without an outcome.
const CHUNK: usize = 8;

/// Accounts made at once. Synapse makes 60 to 120 a second; more at once only adds latency.
const ACCOUNTS_AT_ONCE: usize = 8;

/// Names and pictures given at once: each writes into several rooms.
const PROFILES_AT_ONCE: usize = 4;

/// The longest a lane waits when Synapse asks for patience; what asks for more is left to the growing delay.
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);

/// What a slice works with.
pub(crate) struct Executor<'a> {
    pub(crate) caller: Caller<'a>,
    pub(crate) store: &'a Store,
    pub(crate) journal: &'a Journal,
    pub(crate) approval: &'a Approval,
    /// Not held: another process may lead, and nothing new is started.
    pub(crate) lease: &'a Lease,
    /// Cancelled: nothing new is started.
    pub(crate) stop: &'a CancellationToken,
}

impl Executor<'_> {
    /// Tries `due`, and answers for each that it came to, by its place in `due`.
    pub(crate) async fn execute(&self, due: &[&Action]) -> sqlx::Result<Vec<(usize, Tried)>> {
        let Caller { world, origins, .. } = &self.caller;
        let (mut accounts, mut profiles) = (Vec::new(), Vec::new());
        let mut rooms = vec![Vec::new(); world.policy.rooms.len()];
        for (index, action) in due.iter().enumerate() {
            match action.change.room() {
                Some(room) => rooms[room.index()].push(index),
                None if action.change.class() == Class::Profiles => profiles.push(index),
                None => accounts.push(index),
            }
        }
        for lane in rooms.iter_mut().chain([&mut accounts]) {
            lane.sort_by_key(|index| due[*index].change.turn());
        }
        let attempt = |index: usize| {
            let mut entry = journal::entry(world, due[index], self.journal.number());
            if let Some(approver) = self.approval.by(due[index]) {
                entry.cause = format!("{}; approved by {approver}", entry.cause);
                entry.actor = Some(approver.to_owned());
            }
            if let Change::CreateAccount { user } = due[index].change
                && let Some(origin) = origins.get(&user)
            {
                entry.cause = format!("{}; {}", origin.words(), entry.cause);
            }
            Attempt { index, action: due[index], entry }
        };
        let opened = || accounts.iter().filter_map(|index| due[*index].change.opens());
        let lanes = Lanes {
            due,
            until: Instant::now() + SLICE,
            silent: AtomicBool::new(false),
            creations: Creations::awaiting(opened()),
            recorded: Creations::awaiting(opened()),
        };
        let rooms = rooms.iter().filter(|lane| !lane.is_empty());
        let room_lanes = rooms.map(|lane| self.lane(lane, 1, &attempt, &lanes));
        let account_lane = self.account_lane(&accounts, &attempt, &lanes);
        // Names wait for no account that is made, and none that is made for a name.
        let profile_lane = self.lane(&profiles, PROFILES_AT_ONCE, &attempt, &lanes);
        let (of_accounts, of_profiles, of_rooms) = join3(account_lane, profile_lane, join_all(room_lanes)).await;
        let mut tried = of_accounts?;
        tried.extend(of_profiles?);
        for lane in of_rooms {
            tried.extend(lane?);
        }
        Ok(tried)
    }

    async fn account_lane<'a>(
        &self,
        lane: &[usize],
        attempt: &impl Fn(usize) -> Attempt<'a>,
        lanes: &Lanes<'_>,
    ) -> sqlx::Result<Vec<(usize, Tried)>> {
        // Whatever ends this lane, those who wait for its accounts are told.
        let (_closed, _recorded) = (lanes.creations.close_at_the_end(), lanes.recorded.close_at_the_end());
        self.lane(lane, ACCOUNTS_AT_ONCE, attempt, lanes).await
    }

    /// Words for the ledger are made for what a slice comes to, not for all that is due.
    async fn lane<'a>(
        &self,
        lane: &[usize],
        at_once: usize,
        attempt: &impl Fn(usize) -> Attempt<'a>,
        lanes: &Lanes<'_>,
    ) -> sqlx::Result<Vec<(usize, Tried)>> {
        let (mut tried, mut ended) = (Vec::new(), Vec::new());
        for (number, chunk) in lane.chunks(CHUNK).enumerate() {
            if !self.may_start(lanes) || Instant::now() >= lanes.until {
                break;
            }
            let chunk: Vec<Attempt<'_>> = chunk.iter().map(|index| attempt(*index)).collect();
            // Synapse waits for it: one statement says how the last ones ended and that these begin.
            self.note(&ended, &chunk).await?;
            lanes.note_recorded(&ended);
            tried.extend(ended.drain(..).map(|(attempt, tried): (Attempt<'_>, Tried)| (attempt.index, tried)));
            let next = lane.iter().skip(number * CHUNK + 1).map(|index| Some(lanes.due[*index])).chain([None]);
            let until = Instant::now() + SLICE;
            let outcomes: Vec<Tried> = stream::iter(chunk.iter().zip(next).enumerate())
                .map(|(place, (attempt, next))| async move {
                    // Where Synapse is slow, what the plan was made from grows old: what takes something is left then.
                    let is_old = place > 0 && attempt.action.change.takes() > 0 && Instant::now() >= until;
                    if is_old || !self.may_start(lanes) {
                        return Tried::Left;
                    }
                    // Synapse has time for a question while it joins somebody. What it has not answered by then is asked again.
                    tokio::select! {
                        tried = self.try_one(attempt.action, lanes) => tried,
                        never = self.look_ahead(next, lanes) => match never {},
                    }
                })
                .buffered(at_once)
                .collect()
                .await;
            ended.extend(chunk.into_iter().zip(outcomes));
        }
        self.note(&ended, &[]).await?;
        lanes.note_recorded(&ended);
        tried.extend(ended.into_iter().map(|(attempt, tried)| (attempt.index, tried)));
        Ok(tried)
    }

    /// Looks at the account of who is joined next, so that their join does not wait for it. What is wrong with it, or with the
    /// answer, their own turn sees. Never ends by itself.
    async fn look_ahead(&self, next: Option<&Action>, lanes: &Lanes<'_>) -> Infallible {
        if let Some(Action { change: Change::Join { user, .. }, .. }) = next
            && !lanes.creations.has(*user)
        {
            self.caller.look_at(*user).await.ok();
        }
        std::future::pending().await
    }

    async fn try_one(&self, action: &Action, lanes: &Lanes<'_>) -> Tried {
        let account = match (action.change.needs(), action.change.room()) {
            // The ledger says that an account was made before it says who joined with it: others are told in that order.
            (Some(user), Some(_)) => lanes.recorded.of(user).await,
            // In the lane of the account itself, which goes on before its end is written.
            (Some(user), None) => lanes.creations.of(user).await,
            (None, _) => Creation::There,
        };
        match account {
            Creation::There => {}
            Creation::Failed => return Tried::NoAccount,
            Creation::Left => return Tried::Left,
        }
        if !self.may_start(lanes) {
            return Tried::Left;
        }
        let mut answer = self.caller.call(&action.change).await;
        if let Err(CallError::RateLimited { retry_after: Some(patience) }) = &answer
            && *patience <= LONGEST_PATIENCE
        {
            tokio::time::sleep(*patience).await;
            if self.may_start(lanes) {
                answer = self.caller.call(&action.change).await;
            }
        }
        if let Some(user) = action.change.opens() {
            lanes.creations.ended(user, answer.is_ok());
        }
        let tried = match answer {
            Ok(tried) => tried,
            Err(CallError::NotLeading) => Tried::Left,
            Err(error) => Tried::Failed(error),
        };
        if let Tried::Failed(error) | Tried::Unanswered(_, error) = &tried
            && matches!(error, CallError::Unreachable(_) | CallError::TimedOut { .. })
        {
            lanes.silent.store(true, Ordering::Release);
        }
        tried
    }

    /// Whether another call may be made, or something is a reason to stop at once.
    fn may_start(&self, lanes: &Lanes<'_>) -> bool {
        self.lease.holds() && !self.stop.is_cancelled() && !lanes.silent.load(Ordering::Acquire)
    }

    /// Writes into the ledger how these ended and that those begin.
    async fn note(&self, ended: &[(Attempt<'_>, Tried)], begun: &[Attempt<'_>]) -> sqlx::Result<()> {
        for attempt in begun {
            self.caller.before_call(self.store, &attempt.action.change).await?;
        }
        journal::write_attempts(self.store, self.journal.pass, ended, begun).await
    }
}

/// What the lanes of one slice share.
struct Lanes<'a> {
    due: &'a [&'a Action],
    until: Instant,
    /// Synapse did not answer a call.
    silent: AtomicBool,
    creations: Creations,
    /// The same once the ledger has how each ended.
    recorded: Creations,
}

impl Lanes<'_> {
    /// The ledger has how these ended.
    fn note_recorded(&self, ended: &[(Attempt<'_>, Tried)]) {
        for (attempt, tried) in ended {
            if let Some(user) = attempt.action.change.opens()
                && !matches!(tried, Tried::Left)
            {
                self.recorded.ended(user, !matches!(tried, Tried::Failed(_)));
            }
        }
    }
}
