//! What must be true after chaos, read from the databases of Synapse and of the service, never from what the service says of itself.

mod admins;
mod answers;
mod approvals;
mod attempts;
mod holds;
mod messages;
mod powers;
mod removals;
mod rooms;

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};

use super::operator;
use super::stage::Stage;
use super::trouble::Trouble;
use approvals::Approvals;

/// So long is waited for what does not settle.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(250);
/// After so long somebody looks at what is held.
const ALONE: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// From the end of the last fault until rooms and flags were as the sources say, but for users that nobody knows.
    pub settled: Option<Duration>,
    /// And until those were out: the service asks the pool for them three times, within 45 s, before it believes that.
    pub strangers_out: Option<Duration>,
    /// People removed by the service, each time.
    pub removals: usize,
    /// Those of them that the guard had held and somebody approved.
    pub approved_removals: usize,
    pub joins: usize,
    /// Held plans that somebody had to approve, because the guard held strangers along with people whose rows were away.
    pub approved: usize,
    /// Replicas that were told to stop and did, with exit code 0.
    pub stopped: usize,
    /// Replicas that were told to stop before they listened for it.
    pub stopped_early: usize,
    /// Commands that Synapse never pushed, because it or its database went away right after.
    pub lost: usize,
    /// What must not be, each in a sentence.
    pub broken: Vec<String>,
}

impl Verdict {
    /// Waits until all is as it should be, and looks at how it came to be.
    pub(super) async fn of(stage: &Stage, trouble: &Trouble, since: Instant, settles: Duration) -> Result<Verdict> {
        let mut synapse =
            PgConnection::connect(&stage.synapse.database_url()).await.context("connect to Synapse's database")?;
        let mut ours = PgConnection::connect(&stage.database).await.context("connect to the service's database")?;
        let mut verdict = Verdict::default();
        verdict.wait_for_rooms(stage, trouble, &mut synapse, since, settles).await?;
        // What was said, tapped or sent in the last second is still under way, and its attempts are.
        verdict.look_at_answers(stage, &mut synapse, &trouble.said).await?;
        verdict.look_at_messages(stage, &mut ours).await?;
        verdict.look_at_attempts(&mut ours).await?;
        verdict.look_at_approvals(&mut ours).await?;
        let approvals = Approvals::read(&mut ours, &trouble.ticks).await?;
        verdict.look_at_removals(stage, &mut synapse, &approvals).await?;
        verdict.look_at_holds(stage, &mut ours).await?;
        verdict.look_at_powers(stage, &mut synapse, &approvals).await?;
        verdict.look_at_admins(stage, &mut ours, &approvals).await?;
        verdict.look_at_plan(stage).await?;
        verdict.look_at_replicas(stage, trouble);
        Ok(verdict)
    }

    async fn wait_for_rooms(
        &mut self,
        stage: &Stage,
        trouble: &Trouble,
        synapse: &mut PgConnection,
        since: Instant,
        settles: Duration,
    ) -> Result<()> {
        let (mut wrong, mut late) = (Vec::new(), Vec::new());
        while since.elapsed() < PATIENCE {
            wrong = rooms::differences(stage, synapse).await?;
            wrong.extend(admins::differences(stage, synapse).await?);
            if self.settled.is_none() {
                let theirs = wrong.iter().filter(|wrong| !wrong.is_about(&trouble.strangers));
                let theirs: Vec<String> = theirs.map(|wrong| wrong.what.clone()).collect();
                if theirs.is_empty() {
                    self.settled = Some(since.elapsed());
                } else if since.elapsed() > settles {
                    late = theirs;
                }
            }
            if wrong.is_empty() {
                self.strangers_out = Some(since.elapsed());
                break;
            }
            if since.elapsed() > ALONE {
                self.approved += usize::from(operator::approve(stage).await?);
            }
            tokio::time::sleep(LOOK).await;
        }
        self.broken.extend(late.into_iter().map(|what| format!("{} s after the last fault {what}", settles.as_secs())));
        self.broken.extend(wrong.into_iter().map(|wrong| wrong.what));
        Ok(())
    }

    /// The next plan is empty. Where a source or a room cannot be read it would be, too: then its exit code is 1.
    async fn look_at_plan(&mut self, stage: &Stage) -> Result<()> {
        let planned = stage.replicas[0].service.run_cli(&["plan", "--json"]).await?;
        match planned.json().unwrap_or_default()["actions"].as_array() {
            Some(left) if !left.is_empty() => {
                self.broken.push(format!("{} actions are left in the plan: {}", left.len(), planned.stdout.trim()));
            }
            Some(_) if planned.status == Some(0) => {}
            _ => self.broken.push(format!("nothing can be said of the next plan: {planned:?}")),
        }
        Ok(())
    }

    /// Both replicas run, and none ended by itself or panicked.
    fn look_at_replicas(&mut self, stage: &Stage, trouble: &Trouble) {
        let ends = &trouble.faults.ends;
        (self.stopped, self.stopped_early) = (ends.stopped, ends.stopped_early);
        self.broken.extend(ends.broken.iter().cloned());
        for (number, replica) in stage.replicas.iter().enumerate() {
            if !replica.service.running() {
                self.broken.push(format!("replica {number} does not run at the end"));
            }
            let log = replica.service.log();
            let panics = log.lines().filter(|line| line.contains("panicked at"));
            self.broken.extend(panics.map(|line| format!("replica {number} panicked: {line}")));
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict {
            settled,
            strangers_out,
            removals,
            approved_removals,
            joins,
            approved,
            stopped,
            stopped_early,
            lost,
            broken,
        } = self;
        match settled {
            Some(settled) => write!(formatter, "settled {:.1} s after the last fault", settled.as_secs_f64())?,
            None => write!(formatter, "not settled within {} s after the last fault", PATIENCE.as_secs())?,
        }
        match strangers_out {
            Some(out) => writeln!(formatter, ", the last stranger out after {:.1} s", out.as_secs_f64())?,
            None => writeln!(formatter, ", strangers still there")?,
        }
        writeln!(
            formatter,
            "{joins} joins and {removals} removals by the service ({approved_removals} held and approved), \
             {approved} held plans approved at the end"
        )?;
        writeln!(
            formatter,
            "{stopped} times told to stop and ended with exit code 0, {stopped_early} times before it listened for that"
        )?;
        writeln!(formatter, "{lost} commands that Synapse lost")?;
        writeln!(formatter, "{} promises broken", broken.len())?;
        broken.iter().try_for_each(|one| writeln!(formatter, "  {one}"))
    }
}
