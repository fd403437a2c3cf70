//! What was done lately, as the guard counts it.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::plan::kind::Bucket;
use crate::users::UserIx;
use crate::withheld::Withheld;

/// What was taken away within the window, from the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    pub taken: HashMap<Bucket, u32>,
    /// Who was joined by this service within the last days. Asked for only where the plan may be one after a pool move.
    pub joined: Arrivals,
    /// The size that a share was of when something was first held for it: users joined while it is held do not make the
    /// share smaller.
    pub of: HashMap<Bucket, u32>,
    /// What is withheld already, and was shown as held.
    pub withheld: Withheld,
}

/// Who was joined by this service within the last days, and in which order. It may be most of the roster, so it is handed on
/// and compared without being looked through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals(Arc<HashMap<UserIx, i64>>);

impl Arrivals {
    /// Notes that somebody was joined. Of several times the last one counts.
    pub fn note(&mut self, user: UserIx, order: i64) {
        let last = Arc::make_mut(&mut self.0).entry(user).or_insert(order);
        *last = order.max(*last);
    }

    pub(crate) fn of(&self, user: UserIx) -> Option<i64> {
        self.0.get(&user).copied()
    }
}
