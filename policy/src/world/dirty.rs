//! What was touched in the world since a plan last looked at it.

use hashbrown::HashSet;

use crate::policy::RoomIx;
use crate::user_set::UserSet;
use crate::users::UserIx;
use crate::world::World;

/// Marks that a [`World`] keeps about itself.
#[derive(Debug)]
pub(super) struct DirtyLog {
    /// How many changes there were, of any kind.
    revision: u64,
    /// Up to which of them the marks below were taken.
    taken: u64,
    /// Users of whom something is another than it was.
    users: UserSet,
    /// The change that last touched what is not about single members, for each room.
    states: Vec<u64>,
    /// Users whom a source names and of whom the pool has not spoken yet. Kept with a pool only.
    pub(super) unknown: HashSet<UserIx>,
    /// Users whose account we closed, and of whom something is another than when they were last looked at.
    pub(super) closed: HashSet<UserIx>,
}

/// What was touched since somebody looked.
#[derive(Debug)]
pub(crate) struct DirtyUsers {
    /// Up to which change this tells, to be shown when looking the next time.
    pub(crate) taken: u64,
    /// Who was touched; nothing where that is not known, so that it may be anybody.
    pub(crate) users: Option<UserSet>,
}

impl DirtyLog {
    pub(super) fn of_rooms(rooms: usize) -> Self {
        Self {
            revision: 0,
            taken: 0,
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

    /// Nothing is as it was: the marks that were taken tell nothing any more.
    pub(super) fn everything(&mut self) {
        self.something();
        self.taken = self.revision;
    }

    pub(super) fn user(&mut self, user: UserIx) {
        self.something();
        self.users.insert(user);
    }

    /// State of a room changed.
    pub(super) fn state(&mut self, room: RoomIx) {
        self.something();
        self.states[room.index()] = self.revision;
    }
}

impl World {
    /// How many changes there were. The same number means that nothing is another than it was.
    pub(crate) fn revision(&self) -> u64 {
        self.dirty.revision
    }

    /// The change that last touched a room's state.
    pub(crate) fn state_revision(&self, room: RoomIx) -> u64 {
        self.dirty.states[room.index()]
    }

    /// Takes the marks. `seen` is what the taker got the last time: if somebody else took marks since, they are lost to it.
    pub(crate) fn take_dirty(&mut self, seen: Option<u64>) -> DirtyUsers {
        let whole = seen == Some(self.dirty.taken);
        self.dirty.taken = self.dirty.revision;
        let users = std::mem::take(&mut self.dirty.users);
        DirtyUsers { taken: self.dirty.taken, users: whole.then_some(users) }
    }
}
