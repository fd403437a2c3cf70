//! A wake-up call: it carries no input and cannot fail, so a lost one costs delay and never correctness.

use std::{fmt, sync::Arc};

/// Something to call when there may be work. Cheap to clone; must not block.
#[derive(Clone)]
pub struct Wake(Arc<dyn Fn() + Send + Sync>);

impl Wake {
    /// Wraps the function that wakes the reconcile path, such as `Notify::notify_one`.
    pub fn new(call: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    /// Says that there may be work.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wake")
    }
}
