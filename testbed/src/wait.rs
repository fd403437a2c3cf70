//! Waiting for something to become true, with a bound. The only place that sleeps.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Asks `condition` again and again, at growing pauses, until it is true.
///
/// # Errors
/// When `bound` has passed; the message names `what` was awaited.
pub async fn wait_until(what: &str, bound: Duration, mut condition: impl AsyncFnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        if condition().await {
            return Ok(());
        }
        if start.elapsed() >= bound {
            bail!("waited {bound:?} in vain until {what}");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}
