//! What is under way, how it begins and how it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fastrand::Rng;
use serde_json::json;

use super::faults::{Faults, later};
use super::moves::Move;
use super::spans::Time;
use super::stage::{Stage, TEAMS};
use super::taps;

/// Of one kind, in a run: what others undo again and again the service leaves alone, and says so.
const BY_HAND: usize = 4;

/// Synapse notes that it has pushed an event before it stores the push: killed in between, or without its database, it never pushes
/// it. So soon after an event that may be so.
const UNPUSHED: Duration = Duration::from_secs(5);

/// A command that was said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) event_id: String,
    at: Instant,
    /// Synapse or its database went away right after.
    pub(super) may_be_lost: bool,
}

/// What is under way, and when it is over.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    pub(super) faults: Faults,
    rows: Option<Instant>,
    /// How often each was done by hand.
    by_hand: BTreeMap<Move, usize>,
    pub(super) said: Vec<Said>,
    /// When what was held was approved by a tap.
    pub(super) ticks: Vec<Time>,
    /// Users who were let into a room by hand, and that neither a row nor the pool knows.
    pub(super) strangers: BTreeSet<String>,
}

impl Trouble {
    /// Makes it happen, if it can now; whether it did.
    pub(super) async fn make(&mut self, kind: Move, stage: &mut Stage, rng: &mut Rng) -> Result<bool> {
        match kind {
            Move::RowComes | Move::RowGoes | Move::RoleChanges | Move::RowRewritten => {
                self.change_rows(kind, stage, rng).await
            }
            Move::TeamsEmptied | Move::TeamEmptied => self.lose_rows(kind, stage, rng).await,
            Move::MemberKicked | Move::StrangerEnters | Move::LevelRaised => self.by_hand(kind, stage, rng).await,
            Move::CommandSaid => {
                let text = ["!provisioner status", "!provisioner sync", "!provisioner nonsense"][rng.usize(0..3)];
                // A Synapse in trouble may refuse it: then nobody waits for an answer.
                let said = stage.lead.send_text(&stage.rooms["staff"], text).await;
                self.said.extend(said.iter().map(|event_id| Said {
                    event_id: event_id.to_string(),
                    at: Instant::now(),
                    may_be_lost: false,
                }));
                Ok(said.is_ok())
            }
            Move::Tapped => taps::tap(stage, &self.strangers, &mut self.ticks, rng).await,
            Move::SignedUp => {
                stage.sign_up().await?;
                Ok(true)
            }
            Move::SynapseKilled => {
                self.lose_pushes();
                stage.restart_synapse(Duration::from_millis(rng.u64(0..3_000))).await?;
                Ok(true)
            }
            Move::PostgresRestarted => {
                self.lose_pushes();
                stage.postgres.restart().await?;
                Ok(true)
            }
            _ => self.faults.begin(kind, stage, rng).await,
        }
    }

    fn lose_pushes(&mut self) {
        self.said.iter_mut().for_each(|said| said.may_be_lost |= said.at.elapsed() < UNPUSHED);
    }

    /// Whatever has lasted long enough is over.
    pub(super) async fn end_due(&mut self, stage: &Stage, now: Instant) -> Result<()> {
        self.faults.end_due(stage, now).await?;
        if self.rows.is_some_and(|until| until <= now) {
            stage.rows.restore().await?;
            self.rows = None;
        }
        Ok(())
    }

    /// Everything is over.
    pub(super) async fn end_all(&mut self, stage: &Stage) -> Result<()> {
        self.faults.end_all(stage).await?;
        self.rows = self.rows.and(Some(Instant::now()));
        self.end_due(stage, Instant::now()).await
    }

    async fn change_rows(&self, kind: Move, stage: &mut Stage, rng: &mut Rng) -> Result<bool> {
        if self.rows.is_some() {
            return Ok(false);
        }
        let sub = stage.movers[rng.usize(0..stage.movers.len())].clone();
        let team = TEAMS[rng.usize(0..TEAMS.len())];
        let (is_there, is_lead) =
            (stage.rows.of(team).contains(sub.as_str()), stage.rows.leads(team).contains(sub.as_str()));
        match (kind, is_there) {
            (Move::RowComes, false) => stage.rows.put(&sub, team, "member").await?,
            (Move::RowGoes, true) => stage.rows.take(&sub, team).await?,
            (Move::RoleChanges, true) => {
                stage.rows.put(&sub, team, if is_lead { "member" } else { "lead" }).await?;
            }
            (Move::RowRewritten, true) => stage.rows.rewrite(&sub, team).await?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn lose_rows(&mut self, kind: Move, stage: &Stage, rng: &mut Rng) -> Result<bool> {
        if self.rows.is_some() {
            return Ok(false);
        }
        let one = [TEAMS[rng.usize(0..TEAMS.len())]];
        stage.rows.lose(if kind == Move::TeamsEmptied { &TEAMS } else { &one }).await?;
        self.rows = Some(later(rng, 2_000..8_000));
        Ok(true)
    }

    async fn by_hand(&mut self, kind: Move, stage: &Stage, rng: &mut Rng) -> Result<bool> {
        let count = self.by_hand.entry(kind).or_default();
        if *count >= BY_HAND {
            return Ok(false);
        }
        *count += 1;
        let team = TEAMS[rng.usize(0..TEAMS.len())];
        let room = &stage.rooms[team];
        let people: Vec<String> = stage.rows.of(team).iter().map(|sub| stage.synapse.mxid(sub)).collect();
        let member = &people[rng.usize(0..people.len())];
        match kind {
            // Not there, or there already: then nothing happens.
            Move::MemberKicked => drop(stage.hand.kick(room, member).await),
            Move::StrangerEnters => {
                let stranger = stage.stranger().await?;
                drop(stage.hand.force_join(room, &stranger).await);
                self.strangers.insert(stranger);
            }
            _ => {
                let levels = stage.hand.state(room, "m.room.power_levels", "").await?;
                let mut levels = levels.context("the room has no power levels")?;
                levels["users"][member] = json!(60);
                // The room may have refused it by now: whose power it was to give has changed.
                drop(stage.hand.send_state(room, "m.room.power_levels", "", levels).await);
            }
        }
        Ok(true)
    }
}
