//! Who belongs to which teams. Most users have one of a few sets of teams, so each set is kept once and a user has its
//! number.

use hashbrown::HashMap;

use crate::column::Column;
use crate::names::NameIx;
use crate::user_set::UserSet;
use crate::users::UserIx;

/// One belonging, by numbers: the team and, where the row had one, the role.
pub type TeamMembership = (NameIx, Option<NameIx>);

/// The teams of every user that the roster names.
#[derive(Debug, Default)]
pub struct TeamMemberships {
    /// One that nobody has any more is empty here until its number is given to another.
    sets: Vec<Box<[TeamMembership]>>,
    index: HashMap<Box<[TeamMembership]>, u32>,
    free: Vec<u32>,
    /// Number of the user's set, counted from 1; 0 is a user that the roster does not name.
    of: Column<u32>,
    people: usize,
}

impl TeamMemberships {
    /// What the roster says of a user; `None` where it does not name them.
    pub fn get(&self, user: UserIx) -> Option<&[TeamMembership]> {
        let set = self.of.get(user).checked_sub(1)?;
        Some(&self.sets[set as usize])
    }

    /// Whether the roster names the user.
    pub fn contains(&self, user: UserIx) -> bool {
        self.of.get(user) != 0
    }

    /// How many users the roster names.
    pub fn len(&self) -> usize {
        self.people
    }

    /// Whether the roster names nobody.
    pub fn is_empty(&self) -> bool {
        self.people == 0
    }

    /// Every user that the roster names.
    pub fn people(&self) -> impl Iterator<Item = UserIx> + '_ {
        self.of.iter().map(|(user, _)| user)
    }

    /// Sets what the roster says of a user; true where it said something else, or nothing.
    pub(crate) fn set(&mut self, user: UserIx, places: &[TeamMembership]) -> bool {
        let set = match self.index.get(places) {
            Some(set) => *set,
            None => {
                let set = self.free.pop().unwrap_or_else(|| {
                    self.sets.push(Box::default());
                    u32::try_from(self.sets.len()).expect("fewer than 2^32 sets of places")
                });
                self.sets[set as usize - 1] = places.into();
                self.index.insert(places.into(), set);
                set
            }
        };
        let before = self.of.set(user, set);
        self.people += usize::from(before == 0);
        before != set
    }

    /// Forgets users that are not among `named`, and returns them.
    pub(crate) fn keep_only(&mut self, named: &UserSet) -> Vec<UserIx> {
        if named.len() == self.people {
            return Vec::new();
        }
        let gone: Vec<UserIx> = self.people().filter(|user| !named.contains(*user)).collect();
        for user in &gone {
            self.of.set(*user, 0);
        }
        self.people -= gone.len();
        gone
    }

    /// Drops the sets that nobody has any more; their numbers are given to others.
    pub(crate) fn drop_unused(&mut self) {
        let mut is_used = vec![false; self.sets.len()];
        self.of.iter().for_each(|(_, set)| is_used[set as usize - 1] = true);
        let Self { sets, index, free, .. } = self;
        index.retain(|_, set| {
            let position = *set as usize - 1;
            if !is_used[position] {
                sets[position] = Box::default();
                free.push(*set);
            }
            is_used[position]
        });
    }

    /// How many sets are kept.
    pub(crate) fn sets(&self) -> usize {
        self.index.len()
    }

    /// Every team and role that is kept.
    pub(crate) fn names(&self) -> impl Iterator<Item = NameIx> + '_ {
        self.index.keys().flatten().flat_map(|(team, role)| [Some(*team), *role]).flatten()
    }
}
