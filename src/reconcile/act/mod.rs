//! Carrying out the due part of a plan: one serial lane a room, one for accounts, all at once.
//!
//! No inner retries and no choices: an action succeeds, fails, or is left for the next slice. One failure never stops its
//! siblings; an unreachable homeserver stops all, because every further call would only wait for it.

pub(crate) mod backoff;
pub(crate) mod creations;
pub(crate) mod state_writes;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use futures_util::stream::{self, StreamExt};
use provisioner_policy::{Action, Change, Closed, RoomIx, UserIx, World};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::homeserver::{AccountCreation, CallError, Homeserver, WriteOutcome};
use crate::reconcile::act::creations::{Creation, Creations};
use crate::reconcile::act::state_writes::Written;
use crate::reconcile::brakes::approval::Approval;
use crate::store::{AccountOrigin, LedgerEntry, LedgerLine, LedgerOutcome, PassId, Store};

/// How long a slice starts new work before the next one plans again from fresh state. A change waits no longer than this
/// and a call behind any amount of other work, and so does a request to stop.
const SLICE: Duration = Duration::from_secs(3);

/// Actions whose ledger lines are written together. A kill leaves at most this many attempts a lane without an outcome.
const CHUNK: usize = 8;

/// Accounts made at once. Synapse makes 60 to 120 a second; more at once only adds latency.
const ACCOUNTS_AT_ONCE: usize = 8;

/// The longest a lane waits when Synapse asks for patience; what asks for more is left to the growing delay.
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);

/// What came of one action.
#[derive(Debug)]
pub(crate) enum Tried {
    Done,
    /// Done by a state event.
    Wrote(Written),
    AlreadySo,
    Failed(CallError),
    /// Not sent: it would be regretted. The text says why.
    Refused(String),
    /// Not sent: somebody changed what the plan was made from.
    Outdated,
    /// The account it needs could not be made; that failure is reported on its own.
    NoAccount,
    /// Not tried: the slice was over, or somebody asked to stop.
    Left,
}

/// What a slice works with.
pub(crate) struct Executor<'a> {
    pub(crate) homeserver: &'a Homeserver,
    pub(crate) store: &'a Store,
    pub(crate) world: &'a World,
    pub(crate) pass: PassId,
    pub(crate) approval: &'a Approval,
    /// Where accounts that are made came from, with their display names.
    pub(crate) origins: HashMap<UserIx, AccountOrigin>,
    /// Cancelled: nothing new is started.
    pub(crate) stop: &'a CancellationToken,
}

/// An action with its place in the ledger.
struct Attempt<'a> {
    index: usize,
    action: &'a Action,
    entry: LedgerEntry,
}

impl Executor<'_> {
    /// Tries `due`, and answers for each that it came to, by its place in `due`. `first_seq` numbers them within the pass.
    pub(crate) async fn execute(&self, due: &[&Action], first_seq: i32) -> sqlx::Result<Vec<(usize, Tried)>> {
        let (mut accounts, mut rooms) = (Vec::new(), vec![Vec::new(); self.world.policy.rooms.len()]);
        for (index, action) in due.iter().enumerate() {
            match action.change.room() {
                Some(room) => rooms[room.index()].push(index),
                None => accounts.push(index),
            }
        }
        let attempt = |index: usize| {
            let seq = first_seq + i32::try_from(index).expect("a pass has fewer than 2^31 actions");
            let mut entry = entry(self.world, due[index], seq);
            if let Some(approver) = self.approval.by(due[index]) {
                entry.cause = format!("{}; approved by {approver}", entry.cause);
            }
            if let Change::CreateAccount { user } = due[index].change
                && let Some(origin) = self.origins.get(&user)
            {
                entry.cause = format!("{}; {}", origin.words(), entry.cause);
            }
            Attempt { index, action: due[index], entry }
        };
        let lanes = Lanes {
            until: Instant::now() + SLICE,
            unreachable: AtomicBool::new(false),
            creations: Creations::awaiting(accounts.iter().filter_map(|index| opens_account(&due[*index].change))),
        };
        let rooms = rooms.iter().filter(|lane| !lane.is_empty());
        let room_lanes = rooms.map(|lane| self.lane(lane, 1, &attempt, &lanes));
        let account_lane = self.account_lane(&accounts, &attempt, &lanes);
        let (of_accounts, of_rooms) = join(account_lane, join_all(room_lanes)).await;
        let mut tried = of_accounts?;
        for lane in of_rooms {
            tried.extend(lane?);
        }
        Ok(tried)
    }

    async fn account_lane<'a>(
        &self,
        lane: &[usize],
        attempt: &impl Fn(usize) -> Attempt<'a>,
        lanes: &Lanes,
    ) -> sqlx::Result<Vec<(usize, Tried)>> {
        // Whatever ends this lane, those who wait for its accounts are told.
        let _closed = lanes.creations.close_at_the_end();
        self.lane(lane, ACCOUNTS_AT_ONCE, attempt, lanes).await
    }

    /// Words for the ledger are made for what a slice comes to, not for all that is due.
    async fn lane<'a>(
        &self,
        lane: &[usize],
        at_once: usize,
        attempt: &impl Fn(usize) -> Attempt<'a>,
        lanes: &Lanes,
    ) -> sqlx::Result<Vec<(usize, Tried)>> {
        let (mut tried, mut ended) = (Vec::new(), Vec::new());
        for chunk in lane.chunks(CHUNK) {
            if !lanes.go_on(self.stop) {
                break;
            }
            let chunk: Vec<Attempt<'_>> = chunk.iter().map(|index| attempt(*index)).collect();
            // Synapse waits for it: one statement says how the last ones ended and that these begin.
            self.note(&ended, &chunk).await?;
            tried.extend(ended.drain(..).map(|(attempt, tried): (Attempt<'_>, Tried)| (attempt.index, tried)));
            let outcomes: Vec<Tried> = stream::iter(&chunk)
                .map(|attempt| async {
                    if lanes.go_on_within_chunk(self.stop) {
                        self.try_one(attempt.action, lanes).await
                    } else {
                        Tried::Left
                    }
                })
                .buffered(at_once)
                .collect()
                .await;
            ended.extend(chunk.into_iter().zip(outcomes));
        }
        self.note(&ended, &[]).await?;
        tried.extend(ended.into_iter().map(|(attempt, tried)| (attempt.index, tried)));
        Ok(tried)
    }

    async fn try_one(&self, action: &Action, lanes: &Lanes) -> Tried {
        if let Change::Join { user, .. } | Change::GrantServerAdmin { user } = action.change {
            match lanes.creations.of(user).await {
                Creation::There => {}
                Creation::Failed => return Tried::NoAccount,
                Creation::Left => return Tried::Left,
            }
        }
        let mut answer = self.call(&action.change).await;
        if let Err(CallError::RateLimited { retry_after: Some(patience) }) = &answer
            && *patience <= LONGEST_PATIENCE
        {
            tokio::time::sleep(*patience).await;
            answer = self.call(&action.change).await;
        }
        if let Some(user) = opens_account(&action.change) {
            lanes.creations.ended(user, answer.is_ok());
        }
        match answer {
            Ok(tried) => tried,
            Err(error) => {
                if matches!(error, CallError::Unreachable(_)) {
                    lanes.unreachable.store(true, Ordering::Release);
                }
                Tried::Failed(error)
            }
        }
    }

    /// What the store must know before the call: a kill in between must not make our own lock look like somebody else's.
    async fn before_call(&self, change: &Change) -> sqlx::Result<()> {
        let (user, closed) = match change {
            Change::LockAccount { user } => (*user, Closed::Locked),
            Change::DeactivateAccount { user } => (*user, Closed::Deactivated),
            _ => return Ok(()),
        };
        self.store.set_closed(&self.world.users.mxid(user), Some(closed)).await
    }

    async fn call(&self, change: &Change) -> Result<Tried, CallError> {
        let id = |room: RoomIx| self.world.policy.rooms[room.index()].id.as_str();
        let mxid = |user: UserIx| self.world.users.mxid(user);
        let outcome = match change {
            &Change::CreateAccount { user } => {
                let name = self.origins.get(&user).and_then(|origin| origin.display_name.as_deref());
                self.homeserver.create_account(&mxid(user), name).await.map(|creation| match creation {
                    AccountCreation::Created => WriteOutcome::Done,
                    AccountCreation::Existed(_) => WriteOutcome::AlreadySo,
                })
            }
            &Change::RestoreAccount { user, before: Closed::Locked } => self.homeserver.lock(&mxid(user), false).await,
            &Change::RestoreAccount { user, before: Closed::Deactivated } => {
                self.homeserver.reactivate(&mxid(user)).await
            }
            &Change::LockAccount { user } => {
                let locked = self.homeserver.lock(&mxid(user), true).await?;
                // A lock alone leaves devices that come back with it.
                self.homeserver.log_out(&mxid(user)).await?;
                Ok(locked)
            }
            &Change::DeactivateAccount { user } => self.homeserver.deactivate(&mxid(user)).await,
            &Change::GrantServerAdmin { user } => {
                self.homeserver.set_admin(&mxid(user), true).await.map(|()| WriteOutcome::Done)
            }
            &Change::RevokeServerAdmin { user } => {
                self.homeserver.set_admin(&mxid(user), false).await.map(|()| WriteOutcome::Done)
            }
            &Change::Join { room, user, .. } => self.homeserver.join(id(room), &mxid(user)).await,
            &Change::Remove { room, user, .. } => {
                self.homeserver.kick(id(room), &mxid(user), Some("no longer a member")).await
            }
            Change::SetRoomState { room, setting, before, after } => {
                let before = before.as_ref();
                return state_writes::set_setting(self.homeserver, self.world, *room, *setting, before, after).await;
            }
            Change::SetPowerLevels { room, edits } => {
                return state_writes::set_power_levels(self.homeserver, self.world, *room, edits).await;
            }
        };
        outcome.map(|outcome| match outcome {
            WriteOutcome::Done => Tried::Done,
            WriteOutcome::AlreadySo => Tried::AlreadySo,
        })
    }

    /// Writes into the ledger how these ended and that those begin.
    async fn note(&self, ended: &[(Attempt<'_>, Tried)], begun: &[Attempt<'_>]) -> sqlx::Result<()> {
        for attempt in begun {
            self.before_call(&attempt.action.change).await?;
        }
        let mut lines: Vec<LedgerLine<'_>> = ended.iter().map(|(attempt, tried)| line(attempt, tried)).collect();
        for ((attempt, _), line) in ended.iter().zip(&lines) {
            tell(attempt, line);
        }
        lines.extend(begun.iter().map(|attempt| LedgerLine {
            entry: &attempt.entry,
            outcome: LedgerOutcome::Started,
            detail: None,
        }));
        self.store.append_ledger(self.pass, &lines).await
    }
}

/// Counts an ended attempt, and says so when it failed.
fn tell(attempt: &Attempt<'_>, line: &LedgerLine<'_>) {
    metrics::counter!(
        "provisioner_actions_total",
        "kind" => attempt.entry.kind, "mode" => attempt.entry.mode, "outcome" => line.outcome.as_str()
    )
    .increment(1);
    if line.outcome == LedgerOutcome::Failed {
        let (user, room) = (attempt.entry.user_id.as_deref(), attempt.entry.room_key.as_deref());
        let why = line.detail.as_deref().unwrap_or("");
        warn!(user.id = user, room.key = room, "{} failed: {why}", attempt.entry.kind);
    }
}

fn line<'a>(attempt: &'a Attempt<'_>, tried: &Tried) -> LedgerLine<'a> {
    let (outcome, detail) = match tried {
        Tried::Done => (LedgerOutcome::Done, None),
        Tried::Wrote(written) => (LedgerOutcome::Done, Some(format!("event {}", written.event_id))),
        Tried::AlreadySo => (LedgerOutcome::AlreadySo, None),
        Tried::Failed(error) => (LedgerOutcome::Failed, Some(error.to_string())),
        Tried::Refused(why) => (LedgerOutcome::Failed, Some(why.clone())),
        Tried::Outdated => {
            (LedgerOutcome::Left, Some("not sent: somebody changed it meanwhile; planned anew".to_owned()))
        }
        Tried::NoAccount => (LedgerOutcome::Failed, Some("the account could not be made, see its own line".to_owned())),
        Tried::Left => {
            (LedgerOutcome::Left, Some("not tried: the pass was stopped, or Synapse was unreachable".to_owned()))
        }
    };
    LedgerLine { entry: &attempt.entry, outcome, detail }
}

/// Whose account the change makes usable: their joins, and the admin flag, wait for it.
fn opens_account(change: &Change) -> Option<UserIx> {
    match change {
        Change::CreateAccount { user } | Change::RestoreAccount { user, .. } => Some(*user),
        _ => None,
    }
}

/// The ledger's words for an action.
pub(crate) fn entry(world: &World, action: &Action, seq: i32) -> LedgerEntry {
    let room = action.change.room();
    let (before, after) = action.change.before_and_after(world);
    LedgerEntry {
        seq,
        kind: action.change.kind().as_str(),
        user_id: action.change.user().map(|user| world.users.mxid(user)),
        room_id: room.map(|room| world.policy.rooms[room.index()].id.clone()),
        room_key: room.map(|room| room.key(world).to_owned()),
        before,
        after,
        cause: action.cause(world),
        mode: action.mode.as_str(),
        taken: i32::try_from(action.change.takes()).unwrap_or(i32::MAX),
    }
}

/// What the lanes of one slice share.
struct Lanes {
    until: Instant,
    unreachable: AtomicBool,
    creations: Creations,
}

impl Lanes {
    fn go_on(&self, stop: &CancellationToken) -> bool {
        Instant::now() < self.until && self.go_on_within_chunk(stop)
    }

    /// A chunk that was started is finished, unless there is a reason to stop at once.
    fn go_on_within_chunk(&self, stop: &CancellationToken) -> bool {
        !stop.is_cancelled() && !self.unreachable.load(Ordering::Acquire)
    }
}
