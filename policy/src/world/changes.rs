//! What was touched in the world since a plan last looked at it.

use hashbrown::HashSet;

use crate::user_set::UserSet;
use crate::users::UserIx;
use crate::world::RoomIx;

/// Marks that a [`World`] keeps about itself.
#[derive(Debug)]
pub(super) struct Changes {
    /// How many changes there were, of any kind.
    revision: u64,
    /// Users of whom something is another than it was.
    users: UserSet,
    /// The change that last touched what is not about single members, for each room.
    states: Vec<u64>,
    /// Users whom a source names and of whom the pool has not spoken yet. Kept with a pool only.
    pub(super) unknown: HashSet<UserIx>,
    /// Users whose account we closed, and of whom something is another than when they were last looked at.
    pub(super) closed: HashSet<UserIx>,
}

impl Changes {
    pub(super) fn of_rooms(rooms: usize) -> Self {
        Self {
            revision: 0,
            users: UserSet::default(),
            states: vec![0; rooms],
            unknown: HashSet::new(),
            closed: HashSet::new(),
        }
    }

    /// Something changed that is compared as a whole before each plan, such as whether a source can be read.
    pub(super) fn something(&mut self) {
        self.revision += 1;
    }

    pub(super) fn user(&mut self, user: UserIx) {
        self.something();
        self.users.insert(user);
    }

    /// State of a room changed, or what is to be restored of it.
    pub(super) fn state(&mut self, room: RoomIx) {
        self.something();
        self.states[room.index()] = self.revision;
    }
}
