//! The journal of a pass: every ledger line that the reconciler writes, numbered in one sequence, made from its action in
//! one way, and counted once in `provisioner_actions_total`.
//!
//! Attempts are written by the lanes at the same time, and numbered as they begin: a pass of a million has as many numbers as
//! attempts, however often it plans.

use std::sync::atomic::{AtomicI32, Ordering};

use anyhow::{Context, Result};
use provisioner_policy::{Action, Digest, Mode, WithheldDiff, World};
use tracing::warn;

use crate::reconcile::act::attempt::{Attempt, Tried};
use crate::reconcile::brakes::fight_report::NewFight;
use crate::reconcile::brakes::withheld;
use crate::store::{LedgerEntry, LedgerLine, LedgerOutcome, PassId, Store};

/// Ledger lines a statement. Postgres takes many more; this keeps one statement small.
const BATCH: usize = 1000;

/// A line about something that no action of this pass is about.
pub(crate) struct Report {
    pub(crate) entry: LedgerEntry,
    pub(crate) outcome: LedgerOutcome,
    pub(crate) detail: String,
}

/// A pass in the ledger: its number, and that of its next line.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) pass: PassId,
    /// Lanes number their lines at the same time.
    next: AtomicI32,
}

impl Journal {
    /// Begins a pass.
    pub(crate) async fn open(store: &Store) -> Result<Self> {
        Ok(Self { pass: store.new_pass().await.context("number the pass")?, next: AtomicI32::new(0) })
    }

    /// The number of one more line.
    pub(crate) fn number(&self) -> i32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes what began to be withheld since the last pass, and forgets what ended.
    pub(crate) async fn write_withheld(&self, store: &Store, world: &World, diff: &WithheldDiff<'_>) -> Result<()> {
        for batch in diff.begun.chunks(BATCH) {
            let entries: Vec<LedgerEntry> = batch.iter().map(|one| self.entry(world, one.action)).collect();
            let lines = batch.iter().zip(&entries).map(|(one, entry)| LedgerLine {
                entry,
                outcome: match one.action.mode {
                    Mode::Observe => LedgerOutcome::Observed,
                    Mode::Enforce => LedgerOutcome::Held,
                },
                detail: one.action.held.map(|hold| hold.text(world)),
            });
            let lines: Vec<LedgerLine<'_>> = lines.inspect(count).collect();
            let digests: Vec<Digest> = batch.iter().flat_map(|one| one.digests.iter().copied()).collect();
            store.append_withheld(self.pass, &lines, &digests).await.context("write withheld actions to the ledger")?;
        }
        withheld::forget_ended(store, diff).await
    }

    /// Writes what is no longer repeated because somebody keeps undoing it.
    pub(crate) async fn write_fights(&self, store: &Store, world: &World, fights: &[NewFight<'_>]) -> Result<()> {
        let entries: Vec<LedgerEntry> =
            fights.iter().map(|fight| LedgerEntry { taken: 0, ..self.entry(world, fight.action) }).collect();
        let lines = fights.iter().zip(&entries).map(|(fight, entry)| LedgerLine {
            entry,
            outcome: LedgerOutcome::Held,
            detail: Some(fight.detail.clone()),
        });
        let lines: Vec<LedgerLine<'_>> = lines.inspect(count).collect();
        store.append_ledger(self.pass, &lines).await.context("write what is no longer repeated to the ledger")
    }

    /// Writes what our own writes lost of others': a person should make it again.
    pub(crate) async fn write_lost_updates(&self, store: &Store, mut lost: Vec<Report>) -> Result<()> {
        lost.iter_mut().for_each(|one| one.entry.seq = self.number());
        let lines = lost.iter().map(|Report { entry, outcome, detail }| LedgerLine {
            entry,
            outcome: *outcome,
            detail: Some(detail.clone()),
        });
        let lines: Vec<LedgerLine<'_>> = lines.inspect(count).collect();
        store.append_ledger(self.pass, &lines).await.context("write to the ledger what a person must act on")
    }

    fn entry(&self, world: &World, action: &Action) -> LedgerEntry {
        entry(world, action, self.number())
    }
}

/// Writes in one statement how these attempts ended and that those begin.
pub(crate) async fn write_attempts(
    store: &Store,
    pass: PassId,
    ended: &[(Attempt<'_>, Tried)],
    begun: &[Attempt<'_>],
) -> sqlx::Result<()> {
    let ended = ended.iter().map(|(attempt, tried)| attempt.ended(tried)).inspect(count).inspect(warn_of_failure);
    let lines: Vec<LedgerLine<'_>> = ended.chain(begun.iter().map(Attempt::started)).collect();
    store.append_ledger(pass, &lines).await
}

fn count(line: &LedgerLine<'_>) {
    metrics::counter!(
        "provisioner_actions_total",
        "kind" => line.entry.kind, "mode" => line.entry.mode, "outcome" => line.outcome.as_str()
    )
    .increment(1);
}

fn warn_of_failure(line: &LedgerLine<'_>) {
    if matches!(line.outcome, LedgerOutcome::Failed | LedgerOutcome::Unknown) {
        let (user, room) = (line.entry.user_id.as_deref(), line.entry.room_key.as_deref());
        let why = line.detail.as_deref().unwrap_or("");
        warn!(user.id = user, room.key = room, "{} failed: {why}", line.entry.kind);
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
        because: Some(action.because.code()),
        actor: None,
        mode: action.mode.as_str(),
        taken: i32::try_from(world.rightful(&action.change)).unwrap_or(i32::MAX),
    }
}
