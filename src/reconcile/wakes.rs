//! Wake-ups: which source may have changed. They carry no input, and a lost one costs delay, never correctness.

use std::ops::BitOr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// What may have changed, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Woken(u8);

/// Makes the reasons to wake up out of one table: each alone, and as a set of one.
macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident = $set:ident;)+) => {
        /// Something that may have changed. What is read of it is read in this order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum WakeReason {
            $($(#[$doc])* $reason,)+
        }

        impl WakeReason {
            pub(crate) const ALL: [Self; [$(stringify!($set)),+].len()] = [$(Self::$reason),+];
        }

        impl Woken {
            $($(#[$doc])* pub const $set: Self = Self::of(WakeReason::$reason);)+
        }
    };
}

reasons! {
    /// Somebody asked for a pass, or operators decided something: it says which rooms there are.
    Requests = REQUESTS;
    /// The roster.
    Roster = ROSTER;
    /// The account store.
    Accounts = ACCOUNTS;
    /// Names and pictures.
    Profiles = PROFILES;
    /// The inbox: what was pushed is the newest.
    Inbox = INBOX;
    /// Somebody queries the world.
    Queries = QUERIES;
}

impl Woken {
    /// Everything.
    pub const ALL: Self = Self(u8::MAX);

    /// What says who should belong: before something is taken away, it is read again.
    pub const BELONGING: Self = Self(Self::ROSTER.0 | Self::ACCOUNTS.0);

    const fn of(reason: WakeReason) -> Self {
        Self(1 << reason as u8)
    }

    /// What is in this set, in the order in which it is read.
    pub(crate) fn reasons(self) -> impl Iterator<Item = WakeReason> {
        WakeReason::ALL.into_iter().filter(move |reason| self.contains(Self::of(*reason)))
    }

    /// What is in this set and not in `other`.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

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
