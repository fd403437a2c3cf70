//! Waiting for something to become true, with a bound. The only place that sleeps.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// After an answer that took its time.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// Asks `condition` again and again until it is true. Pauses grow, and are no shorter than the asking took: a machine or a
/// Synapse that is busy is not kept busy by the questions.
///
/// # Errors
/// When `bound` has passed; the message names `what` was awaited.
pub async fn wait_until(what: &str, bound: Duration, condition: impl AsyncFnMut() -> bool) -> Result<()> {
    wait(what, bound, FIRST_PAUSE, LONGEST_PAUSE, condition).await
}

/// The same at short pauses that do not grow, for what is timed. What is asked must cost next to nothing.
///
/// # Errors
/// When `bound` has passed; the message names `what` was awaited.
pub(crate) async fn watch_until(
    what: &str,
    bound: Duration,
    pause: Duration,
    condition: impl AsyncFnMut() -> bool,
) -> Result<()> {
    wait(what, bound, pause, pause, condition).await
}

async fn wait(
    what: &str,
    bound: Duration,
    first_pause: Duration,
    longest_pause: Duration,
    mut condition: impl AsyncFnMut() -> bool,
) -> Result<()> {
    let start = Instant::now();
    let mut pause = first_pause;
    loop {
        let asked = Instant::now();
        if condition().await {
            return Ok(());
        }
        let took = asked.elapsed();
        if start.elapsed() >= bound {
            bail!("waited {bound:?} in vain until {what}");
        }
        tokio::time::sleep(pause.max(took.min(LONGEST_REST))).await;
        pause = (pause * 3 / 2).min(longest_pause);
    }
}
