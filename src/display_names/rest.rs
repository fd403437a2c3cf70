//! What was slow or failed is left alone for a while: nobody waits for it again at once.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// For so long.
const REST: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Rest(Mutex<Option<Instant>>);

impl Rest {
    pub(super) fn begin(&self) {
        *self.0.lock() = Some(Instant::now() + REST);
    }

    pub(super) fn goes_on(&self) -> bool {
        self.0.lock().is_some_and(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rest_ends() {
        let rest = Rest::default();
        assert!(!rest.goes_on());
        rest.begin();
        tokio::time::advance(REST - Duration::from_secs(1)).await;
        assert!(rest.goes_on());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!rest.goes_on());
    }
}
