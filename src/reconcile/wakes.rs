//! Wake-ups: which source may have changed. They carry no input, and a lost one costs delay, never correctness.

use std::ops::BitOr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// What may have changed, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Woken(u8);

impl Woken {
    /// The roster.
    pub const ROSTER: Self = Self(1);
    /// The inbox.
    pub const INBOX: Self = Self(2);
    /// Somebody asked for a pass.
    pub const REQUESTS: Self = Self(4);
    /// The account store.
    pub const ACCOUNTS: Self = Self(8);
    /// Somebody queries the world.
    pub const QUERIES: Self = Self(16);
    /// Names and pictures.
    pub const PROFILES: Self = Self(32);

    /// Whether all of `other` is in this set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Woken {
    type Output = Self;

    /// What is in either set.
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Shared by everything that wakes the reconciler. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Wakes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    flags: AtomicU8,
    notify: Notify,
}

impl Wakes {
    /// Says that something may have changed.
    pub fn wake(&self, what: Woken) {
        self.0.flags.fetch_or(what.0, Ordering::AcqRel);
        self.0.notify.notify_one();
    }

    /// Whether something was said since the last [`Wakes::drain`].
    pub fn pending(&self) -> bool {
        self.0.flags.load(Ordering::Acquire) != 0
    }

    /// Whether all of `what` was said since the last [`Wakes::drain`].
    pub fn said(&self, what: Woken) -> bool {
        Woken(self.0.flags.load(Ordering::Acquire)).contains(what)
    }

    /// Drains what was said since the last call.
    pub fn drain(&self) -> Woken {
        Woken(self.0.flags.swap(0, Ordering::AcqRel))
    }

    /// Waits until something is said. What was said before the call counts.
    pub async fn woken(&self) {
        self.0.notify.notified().await;
    }
}
