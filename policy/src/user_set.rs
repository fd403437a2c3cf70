//! A set of users: one bit for each, and the list of who is in it.

use crate::users::UserIx;

const BITS: usize = u64::BITS as usize;

/// Up to so many are searched one by one: a bit for every user would cost memory by the number of all users.
const FEW: usize = 32;

/// Users, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserSet {
    /// Nothing while there are few.
    bits: Vec<u64>,
    list: Vec<UserIx>,
}

impl UserSet {
    /// Adds a user. False where they are in it already.
    pub(crate) fn insert(&mut self, user: UserIx) -> bool {
        if self.contains(user) {
            return false;
        }
        self.list.push(user);
        match self.list.len() {
            ..=FEW => {}
            length if length == FEW + 1 => self.list.iter().for_each(|user| mark(&mut self.bits, *user)),
            _ => mark(&mut self.bits, user),
        }
        true
    }

    pub(crate) fn contains(&self, user: UserIx) -> bool {
        if self.bits.is_empty() {
            return self.list.contains(&user);
        }
        let (word, bit) = position(user);
        self.bits.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = UserIx> + '_ {
        self.list.iter().copied()
    }
}

fn position(user: UserIx) -> (usize, u64) {
    (user.index() / BITS, 1 << (user.index() % BITS))
}

fn mark(bits: &mut Vec<u64>, user: UserIx) {
    let (word, bit) = position(user);
    if word >= bits.len() {
        bits.resize(word + 1, 0);
    }
    bits[word] |= bit;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_or_many_are_found_and_nobody_else() {
        let mut set = UserSet::default();
        let users = || (0..3 * FEW).map(|number| UserIx::from_index(number * 1001 % 9973));
        for (before, user) in users().enumerate() {
            assert!(!set.contains(user) && set.insert(user) && !set.insert(user));
            assert!(users().enumerate().all(|(position, user)| set.contains(user) == (position <= before)));
        }
        assert!(set.iter().eq(users()) && set.len() == 3 * FEW);
    }
}
