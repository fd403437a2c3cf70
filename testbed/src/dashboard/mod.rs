//! The dashboard with real data: two replicas on real servers, things that happen to them, a real Prometheus that scrapes them, and
//! `deploy/monitoring/draw.py`, which asks it what each panel asks. Nothing here judges what is drawn: somebody looks at it.

mod prometheus;
mod stage;
mod story;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::install::Environment;
use crate::load::Setup;
use prometheus::Prometheus;
use stage::Stage;
use story::Story;

/// Between two things that happen.
const BEAT: Duration = Duration::from_secs(2);

/// What to draw.
#[derive(Debug, Clone)]
pub struct Dashboard {
    /// How long things go on happening.
    pub lasts: Duration,
    /// The picture.
    pub output: PathBuf,
}

/// Everything that ran, still running. Dropping it ends it.
#[derive(Debug)]
pub struct Shown {
    prometheus: Prometheus,
    _stage: Stage,
}

impl Shown {
    /// Where Prometheus answers.
    pub fn url(&self) -> String {
        self.prometheus.url()
    }
}

impl Dashboard {
    /// Lets things happen, and draws.
    ///
    /// # Errors
    /// When a part does not start, what should happen cannot, or a panel cannot be drawn.
    pub async fn draw(self, setup: &Setup) -> Result<Shown> {
        let python = Environment::Deploy.ensure().await?.join("bin/python");
        let mut stage = Stage::set(setup).await?;
        let prometheus = Prometheus::start(&stage.listeners()).await?;
        let (from, began) = (now()?, Instant::now());
        stage.start().await?;
        (setup.tell)(&format!("things happen for {} s …", self.lasts.as_secs()));
        let mut story = Story::default();
        while began.elapsed() < self.lasts {
            let beat = Instant::now();
            story.go_on(&mut stage, began.elapsed().as_secs_f64() / self.lasts.as_secs_f64(), setup.tell).await?;
            tokio::time::sleep(BEAT.saturating_sub(beat.elapsed())).await;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/monitoring/draw.py");
        let mut drawing = Command::new(python);
        drawing.arg(script).arg(prometheus.url()).args([from, now()?].map(|time| time.to_string())).arg(&self.output);
        let drawn = drawing.stdin(Stdio::null()).kill_on_drop(true).status().await.context("draw the dashboard")?;
        ensure!(drawn.success(), "the dashboard could not be drawn; the reason is above");
        (setup.tell)(&format!("drawn: {}", self.output.display()));
        Ok(Shown { prometheus, _stage: stage })
    }
}

/// Seconds since 1970.
fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("read the clock")?.as_secs())
}
