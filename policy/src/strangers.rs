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
    places: Places,
    /// Places that were got while the sources could not be believed, so that nobody can say whether their holders were entitled to
    /// them. They count for nothing, like those of strangers, and are never taken unasked. No store has them: whom a new process
    /// finds there counts as rightful.
    doubtful: Places,
    /// Counts changes, so that a store knows when to look.
    pub revision: u64,
}

type Places = HashMap<Bucket, HashSet<UserIx>>;

impl Strangers {
    /// Every place that is a stranger's.
    pub fn iter(&self) -> impl Iterator<Item = (Bucket, UserIx)> + '_ {
        every(&self.places)
    }

    /// The same, and those of which nobody can say.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Bucket, UserIx)> + '_ {
        every(&self.places).chain(every(&self.doubtful))
    }

    pub(crate) fn has(&self, bucket: Bucket, user: UserIx) -> bool {
        has(&self.places, bucket, user)
    }

    pub(crate) fn is_doubtful(&self, bucket: Bucket, user: UserIx) -> bool {
        has(&self.doubtful, bucket, user)
    }

    pub(crate) fn note(&mut self, bucket: Bucket, user: UserIx) {
        if !self.is_doubtful(bucket, user) {
            self.revision += u64::from(self.places.entry(bucket).or_default().insert(user));
        }
    }

    pub(crate) fn note_doubtful(&mut self, bucket: Bucket, user: UserIx) {
        if !self.has(bucket, user) {
            self.revision += u64::from(self.doubtful.entry(bucket).or_default().insert(user));
        }
    }

    pub(crate) fn forget(&mut self, bucket: Bucket, user: UserIx) {
        for places in [&mut self.places, &mut self.doubtful] {
            self.revision += u64::from(places.get_mut(&bucket).is_some_and(|users| users.remove(&user)));
        }
    }

    /// How many there are of a class, in a room or on the server.
    pub(crate) fn count(&self, bucket: Bucket) -> u32 {
        let count = |places: &Places| places.get(&bucket).map_or(0, HashSet::len);
        u32::try_from(count(&self.places) + count(&self.doubtful)).unwrap_or(u32::MAX)
    }
}

fn every(places: &Places) -> impl Iterator<Item = (Bucket, UserIx)> + '_ {
    places.iter().flat_map(|(bucket, users)| users.iter().map(|user| (*bucket, *user)))
}

fn has(places: &Places, bucket: Bucket, user: UserIx) -> bool {
    places.get(&bucket).is_some_and(|users| users.contains(&user))
}
