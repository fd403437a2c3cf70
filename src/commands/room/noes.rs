//! Every no that somebody says ends what is approved and has not begun, and also what is about to be approved: a ✅ may take long
//! until it has its effect, and a ❌ that was said later has its own before it.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, MutexGuard};

/// How often somebody said no since this desk began.
#[derive(Debug, Default)]
pub(crate) struct Noes {
    said: AtomicU64,
    /// Kept by a no until it has ended what was asked for, and by a yes while it looks for a no and asks.
    deciding: Mutex<()>,
}

/// As many as there were when something began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoesBefore(u64);

impl Noes {
    /// For somebody who begins, and may say yes.
    pub(crate) fn before(&self) -> NoesBefore {
        NoesBefore(self.said.load(Ordering::Acquire))
    }

    /// Counts a no. While the guard is kept nobody says yes.
    pub(crate) async fn say_no(&self) -> MutexGuard<'_, ()> {
        let deciding = self.deciding.lock().await;
        self.said.fetch_add(1, Ordering::AcqRel);
        deciding
    }

    /// Whether nobody said no since, and a guard: while it is kept nobody does.
    pub(crate) async fn none_since(&self, before: NoesBefore) -> (bool, MutexGuard<'_, ()>) {
        let deciding = self.deciding.lock().await;
        (self.before() == before, deciding)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_no_ends_every_yes_that_began_before_it_and_neither_comes_between_the_steps_of_the_other() {
        let noes = Noes::default();
        let before = noes.before();
        let (none, deciding) = noes.none_since(before).await;
        assert!(none && noes.say_no().now_or_never().is_none());
        drop(deciding);
        let deciding = noes.say_no().await;
        assert!(noes.none_since(before).now_or_never().is_none());
        drop(deciding);
        assert!(!noes.none_since(before).await.0);
        assert!(noes.none_since(noes.before()).await.0);
    }
}
