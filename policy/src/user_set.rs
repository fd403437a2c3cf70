//! A set of users: one bit for each, and the list of who is in it.

use crate::users::UserIx;

const BITS: usize = u64::BITS as usize;

/// Users, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserSet {
    bits: Vec<u64>,
    list: Vec<UserIx>,
}

impl UserSet {
    /// Adds a user. False where they are in it already.
    pub(crate) fn insert(&mut self, user: UserIx) -> bool {
        let (word, bit) = (user.index() / BITS, 1 << (user.index() % BITS));
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        let is_new = self.bits[word] & bit == 0;
        if is_new {
            self.bits[word] |= bit;
            self.list.push(user);
        }
        is_new
    }

    pub(crate) fn contains(&self, user: UserIx) -> bool {
        self.bits.get(user.index() / BITS).is_some_and(|word| word & (1 << (user.index() % BITS)) != 0)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = UserIx> + '_ {
        self.list.iter().copied()
    }
}
