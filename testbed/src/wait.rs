//! Waiting for something to become true, with a bound. The only place that sleeps.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Asks `condition` again and again, at growing pauses, until it is true.
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
        if condition().await {
            return Ok(());
        }
        if start.elapsed() >= bound {
            bail!("waited {bound:?} in vain until {what}");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(longest_pause);
    }
}
