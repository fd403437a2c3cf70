//! Strangers: places that their holders got by somebody else's hand, while nothing entitled them to it.
//!
//! What the guard counts is what takes a *rightful* place away. Remembered is the opposite, because it is small: of a place of
//! which nothing is noted it is not known that it is wrong, so it counts as rightful, and nobody is removed unasked for want
//! of a note.

use hashbrown::{HashMap, HashSet};

use crate::plan::kind::Bucket;
use crate::users::UserIx;

/// Who has a place in which nobody is to lose anything: in a room, a level there, or the flag of server admins.
#[derive(Debug, Default)]
pub struct Strangers {
    places: HashMap<Bucket, HashSet<UserIx>>,
    /// Counts changes, so that a store knows when to look.
    pub revision: u64,
}

impl Strangers {
    /// Every place that is noted.
    pub fn iter(&self) -> impl Iterator<Item = (Bucket, UserIx)> + '_ {
        self.places.iter().flat_map(|(bucket, users)| users.iter().map(|user| (*bucket, *user)))
    }

    pub(crate) fn has(&self, bucket: Bucket, user: UserIx) -> bool {
        self.places.get(&bucket).is_some_and(|users| users.contains(&user))
    }

    pub(crate) fn note(&mut self, bucket: Bucket, user: UserIx) {
        self.revision += u64::from(self.places.entry(bucket).or_default().insert(user));
    }

    pub(crate) fn forget(&mut self, bucket: Bucket, user: UserIx) {
        let forgotten = self.places.get_mut(&bucket).is_some_and(|users| users.remove(&user));
        self.revision += u64::from(forgotten);
    }

    /// How many there are of a class, in a room or on the server.
    pub(crate) fn count(&self, bucket: Bucket) -> u32 {
        self.places.get(&bucket).map_or(0, |users| u32::try_from(users.len()).unwrap_or(u32::MAX))
    }
}
