//! What is no longer repeated because somebody keeps undoing it: learnt once at the start, told to a person, and written to
//! the ledger.

use std::time::Instant;

use anyhow::{Context, Result};
use provisioner_policy::{ChangeKey, Plan};
use tracing::error;

use crate::reconcile::act::entry;
use crate::reconcile::brakes::fights::WINDOW;
use crate::reconcile::brakes::reverter;
use crate::reconcile::reconciler::Reconciler;
use crate::store::{LedgerEntry, LedgerLine, LedgerOutcome, PassId, Store};

/// A line for the ledger about something that this pass does not do: a person must act.
pub(crate) struct Report {
    pub(crate) entry: LedgerEntry,
    pub(crate) outcome: LedgerOutcome,
    pub(crate) detail: String,
}

impl Reconciler {
    /// Learns once what was done lately, and what is no longer repeated.
    pub(crate) async fn read_fights(&mut self) -> Result<()> {
        if self.fights.read {
            return Ok(());
        }
        let lines = self.store.done_lately(WINDOW.as_secs_f64()).await.context("read what was done lately")?;
        self.fights.inherit(&mut self.world, lines, Instant::now());
        let keys: Vec<ChangeKey> = self.world.fights.keys().cloned().collect();
        for key in keys {
            self.name_reverter(&key).await?;
        }
        Ok(())
    }

    /// What became a fight since the last pass: a person must act. Answers with the lines for the ledger.
    pub(crate) async fn stopped(&mut self, plan: &Plan) -> Result<Vec<Report>> {
        let mut stopped = Vec::new();
        for action in &plan.fought_over {
            let Some(key) = action.change.counted().into_iter().next() else { continue };
            if !self.fights.told.insert(key.clone()) {
                continue;
            }
            self.name_reverter(&key).await?;
            let Some(fight) = self.world.fights.get(&key) else { continue };
            let (detail, entry) = (fight.text(), entry(&self.world, action, 0));
            error!(
                user.id = entry.user_id,
                room.key = entry.room_key,
                sender = fight.by,
                "{} is no longer repeated: {detail}",
                entry.kind
            );
            stopped.push(Report { entry: LedgerEntry { taken: 0, ..entry }, outcome: LedgerOutcome::Held, detail });
        }
        Ok(stopped)
    }

    async fn name_reverter(&mut self, key: &ChangeKey) -> Result<()> {
        let by = reverter::find(&self.store, &self.world, key).await?;
        self.world.name_reverter(key, by);
        Ok(())
    }
}

/// Writes the lines, and counts them.
pub(crate) async fn write(store: &Store, pass: PassId, seq: &mut i32, mut reports: Vec<Report>) -> Result<()> {
    for one in &mut reports {
        one.entry.seq = *seq;
        *seq += 1;
        metrics::counter!(
            "provisioner_actions_total",
            "kind" => one.entry.kind, "mode" => one.entry.mode, "outcome" => one.outcome.as_str()
        )
        .increment(1);
    }
    let lines: Vec<LedgerLine<'_>> = reports
        .iter()
        .map(|one| LedgerLine { entry: &one.entry, outcome: one.outcome, detail: Some(one.detail.clone()) })
        .collect();
    store.append_ledger(pass, &lines).await.context("write to the ledger what a person must act on")
}
