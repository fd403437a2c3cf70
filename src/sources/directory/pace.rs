//! How fast the pool is asked: Cognito's limits are for the whole AWS account, and sign-ins need them more than we do.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Lets requests through one after the other with a gap between them, in the order in which they came. Never saves gaps up.
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

    #[tokio::test(start_paused = true)]
    async fn requests_keep_their_distance_also_after_a_rest() {
        let gap = Duration::from_millis(210);
        let pace = Pace::one_every(gap);
        pace.wait().await;
        tokio::time::advance(Duration::from_secs(60)).await;
        let begun = Instant::now();
        let askers: Vec<_> =
            (0..10).map(|_| pace.clone()).map(|pace| tokio::spawn(async move { pace.wait().await })).collect();
        for asker in askers {
            asker.await.unwrap();
        }
        assert!(begun.elapsed() >= gap * 9, "{:?}", begun.elapsed());
    }
}
