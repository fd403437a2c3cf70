//! What is done to replicas, and until when.

use std::time::{Duration, Instant};

use anyhow::Result;
use fastrand::Rng;
use nix::sys::signal::Signal;

use super::ends::Ends;
use super::moves::Move;
use super::stage::Stage;

#[derive(Debug, Clone, Copy)]
struct Fault {
    kind: Move,
    until: Instant,
}

/// At most one fault of each replica at a time, and how replicas ended.
#[derive(Debug, Default)]
pub(super) struct Faults {
    under_way: [Option<Fault>; 2],
    pub(super) ends: Ends,
}

impl Faults {
    /// Begins one at either replica, if it can now; whether it did.
    pub(super) async fn begin(&mut self, kind: Move, stage: &Stage, rng: &mut Rng) -> Result<bool> {
        let number = rng.usize(0..2);
        let replica = &stage.replicas[number];
        // One that ended by itself is told of before anything else is done to it.
        if self.under_way[number].is_some() || !replica.service.running() {
            return Ok(false);
        }
        match kind {
            Move::Killed => drop(replica.service.sigkill().await?),
            Move::Stopped => replica.service.signal(Signal::SIGTERM)?,
            Move::Frozen => stage.freeze(number)?,
            Move::OursSilent => replica.ours.fall_silent(),
            Move::OursRefused => replica.ours.refuse(),
            Move::RosterSilent => replica.roster.fall_silent(),
            Move::PoolSilent => replica.pool.fall_silent(),
            Move::QueueSilent => replica.queue.fall_silent(),
            Move::QueueRefused => replica.queue.refuse(),
            _ => replica.spoil_synapse(rng.usize(0..5)),
        }
        let lasts = match kind {
            Move::Killed => 200..4_000,
            // It may take 27 s for what is in flight.
            Move::Stopped => 28_000..30_000,
            _ => 500..10_000,
        };
        self.under_way[number] = Some(Fault { kind, until: later(rng, lasts) });
        Ok(true)
    }

    /// Whatever has lasted long enough is over, and a replica that does not run is started again, as ECS does.
    pub(super) async fn end_due(&mut self, stage: &Stage, now: Instant) -> Result<()> {
        for number in 0..2 {
            let service = &stage.replicas[number].service;
            let kind = match self.under_way[number] {
                Some(fault) if now < fault.until => continue,
                Some(fault) => Some(fault.kind),
                None if service.running() => continue,
                None => None,
            };
            match kind {
                Some(Move::Killed) => {}
                Some(Move::Stopped) => self.ends.note_stopped(number, service).await?,
                _ if service.running() => {}
                _ => self.ends.note_by_itself(number, service).await?,
            }
            stage.heal(number)?;
            self.under_way[number] = None;
        }
        Ok(())
    }

    /// Every one is over.
    pub(super) async fn end_all(&mut self, stage: &Stage) -> Result<()> {
        let until = Instant::now();
        self.under_way = self.under_way.map(|fault| fault.map(|fault| Fault { until, ..fault }));
        self.end_due(stage, until).await
    }
}

/// So many milliseconds from now.
pub(super) fn later(rng: &mut Rng, milliseconds: std::ops::Range<u64>) -> Instant {
    Instant::now() + Duration::from_millis(rng.u64(milliseconds))
}
