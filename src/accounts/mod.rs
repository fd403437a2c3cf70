//! The accounts of the user pool: lists the pool, looks up single subjects and reads groups, all into the account store.
//!
//! Nothing here touches Synapse; what follows from an account is up to the reconciler.

mod confirm;
mod groups;
mod listing;
mod lookups;
mod missed;
mod operators;
mod people;
mod pool_sync;
mod turns;

use provisioner_policy::{SubjectError, mxid_of_subject};

pub use self::confirm::{Confirmed, Confirmer};
pub use self::groups::{GroupReading, keep_groups, read_groups, record_again};
pub use self::listing::{Listed, ListedSoFar, ListingError, list_pool};
pub use self::operators::NoAccount;
pub use self::people::{EmailError, NamedByEmail};
pub use self::pool_sync::PoolSync;
use crate::sources::PoolUser;
use crate::store::SeenAccount;

/// The names that an account's MXID is made of.
#[derive(Clone, Debug)]
pub struct Server {
    /// The part of an MXID after the colon.
    pub name: String,
    /// The bot's MXID, which nobody's subject may fold to.
    pub bot: String,
}

impl Server {
    /// The MXID of a subject.
    pub fn mxid(&self, subject: &str) -> Result<String, SubjectError> {
        mxid_of_subject(subject, &self.name, &self.bot)
    }

    /// The localpart of a user of this server.
    fn localpart(&self, user_id: &str) -> Option<String> {
        let localpart = user_id.strip_prefix('@')?.strip_suffix(&self.name)?.strip_suffix(':')?;
        Some(localpart.to_owned())
    }

    /// A user of the pool as the store keeps it; `None` for a user who is not confirmed or cannot have an MXID.
    fn seen(&self, user: &PoolUser) -> Option<SeenAccount> {
        let user_id = self.mxid(&user.subject).ok().filter(|_| user.confirmed)?;
        Some(SeenAccount {
            subject: user.subject.clone(),
            user_id,
            disabled: !user.enabled,
            display_name: user.display_name.clone(),
        })
    }
}
