//! Chaos: two replicas on real servers, rows that come and go, people who sign up, who act by hand and who decide about what is held,
//! kills, freezes, restarts and silence, from a seed. At the end rooms must be as the sources say, and nobody may have lost what was
//! theirs all the while, nor what was held without a word of somebody.
//!
//! The seed decides what happens, in which order and how long it lasts; how far the parts have come by then it does not.

mod digest;
mod ends;
mod faults;
pub(crate) mod front;
mod moves;
mod operator;
mod replica;
mod rows;
mod signups;
mod spans;
mod stage;
mod taps;
mod trouble;
mod verdict;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use fastrand::Rng;

use crate::load::Setup;
use moves::Move;
use stage::Stage;
use trouble::Trouble;
pub use verdict::Verdict;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Chaos {
    /// A random one when left out.
    pub seed: Option<u64>,
    /// How long things go on happening.
    pub lasts: Duration,
    /// What takes longer to settle after the last fault is a promise broken.
    pub settles: Duration,
}

/// What happened, and what came of it.
#[derive(Debug, Clone)]
pub struct ChaosFound {
    pub seed: u64,
    /// Each kind of thing, and how often it happened.
    pub happened: BTreeMap<String, usize>,
    /// Those that end, stop or hide a process.
    pub faults: usize,
    pub verdict: Verdict,
}

impl Chaos {
    /// Lets things happen, and judges.
    ///
    /// # Errors
    /// When a part does not start, or what should happen cannot.
    pub async fn measure(self, setup: &Setup) -> Result<ChaosFound> {
        let seed = self.seed.unwrap_or_else(moves::seed);
        let (mut rng, mut stage) = (Rng::with_seed(seed), Stage::start(setup).await?);
        (setup.tell)("waiting until everybody is where they belong …");
        let start = Verdict::of(&stage, &Trouble::default(), Instant::now(), Duration::MAX).await?;
        anyhow::ensure!(start.broken.is_empty(), "it does not begin well: {start}");
        (setup.tell)(&format!("seed {seed}: {} s of chaos …", self.lasts.as_secs()));
        let (mut trouble, mut happened, mut faults) = (Trouble::default(), BTreeMap::new(), 0);
        let began = Instant::now();
        while began.elapsed() < self.lasts {
            trouble.end_due(&stage, Instant::now()).await?;
            let kind = Move::pick(&mut rng);
            if trouble.make(kind, &mut stage, &mut rng).await? {
                *happened.entry(format!("{kind:?}")).or_default() += 1;
                faults += usize::from(kind.is_fault());
            }
            tokio::time::sleep(Duration::from_millis(rng.u64(100..1_200))).await;
        }
        trouble.end_all(&stage).await?;
        // The last fault: Synapse would try for minutes only now and then to push to who did not answer.
        stage.restart_synapse(Duration::ZERO).await?;
        for replica in &stage.replicas {
            replica.service.wait_ready().await?;
        }
        (setup.tell)("waiting until all is well …");
        let verdict = Verdict::of(&stage, &trouble, Instant::now(), self.settles).await?;
        Ok(ChaosFound { seed, happened, faults, verdict })
    }
}

impl fmt::Display for ChaosFound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChaosFound { seed, happened, faults, verdict } = self;
        writeln!(formatter, "seed {seed}: {faults} kills, freezes, restarts and silences")?;
        for (kind, count) in happened {
            writeln!(formatter, "  {count:4} {kind}")?;
        }
        write!(formatter, "{verdict}")
    }
}
