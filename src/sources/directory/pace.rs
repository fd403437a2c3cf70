//! How fast the pool is asked: Cognito's limits are for the whole AWS account, and sign-ins need them more than we do.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Lets requests through in the order in which they came, with a gap between each two, also after a rest.
#[derive(Clone, Debug)]
pub(super) struct Pace(Arc<Mutex<Interval>>);

impl Pace {
    pub(super) fn one_every(gap: Duration) -> Self {
        let mut gaps = interval(gap);
        gaps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(Arc::new(Mutex::new(gaps)))
    }

    pub(super) async fn wait(&self) {
        self.0.lock().await.tick().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn requests_keep_their_distance_also_after_a_rest() {
        let gap = Duration::from_millis(20);
        let pace = Pace::one_every(gap);
        pace.wait().await;
        tokio::time::sleep(gap * 5).await;
        let begun = Instant::now();
        futures_util::future::join_all((0..10).map(|_| pace.wait())).await;
        assert!(begun.elapsed() >= gap * 9, "{:?}", begun.elapsed());
    }
}
