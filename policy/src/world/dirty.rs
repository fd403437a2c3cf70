//! Dirty users and rooms: what changed in the world since a planner last looked.

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
    /// The revision at which the dirty users below were last taken.
    taken: u64,
    /// Dirty users: an input about them changed.
    users: UserSet,
    /// For each room, the revision that last changed its own state (not single members).
    states: Vec<u64>,
    /// Users that the pool is to be asked for. Empty without a pool.
    pub(super) unknown: HashSet<UserIx>,
    /// What was told last of them is not so any more.
    pub(super) unknown_changed: bool,
    /// Dirty users among those with an account that we closed.
    pub(super) closed: HashSet<UserIx>,
}

/// What became dirty since the planner last looked.
#[derive(Debug)]
pub(crate) struct DirtyUsers {
    /// The revision this covers, to be handed in the next time.
    pub(crate) taken: u64,
    /// The dirty users; `None` where they are not known, so that everybody counts as dirty.
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
            unknown_changed: false,
            closed: HashSet::new(),
        }
    }

    /// A shared input changed, such as whether a source can be read; it is compared before each plan.
    pub(super) fn something(&mut self) {
        self.revision += 1;
    }

    /// Everything changed: dirty users taken before are worthless.
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
    /// The revision: the same number means that nothing changed.
    pub(crate) fn revision(&self) -> u64 {
        self.dirty.revision
    }

    /// The revision that last changed a room's state.
    pub(crate) fn state_revision(&self, room: RoomIx) -> u64 {
        self.dirty.states[room.index()]
    }

    /// Takes the dirty users. `seen` is the revision from the last time; `None` if somebody else took them since.
    pub(crate) fn take_dirty(&mut self, seen: Option<u64>) -> DirtyUsers {
        let whole = seen == Some(self.dirty.taken);
        self.dirty.taken = self.dirty.revision;
        let users = std::mem::take(&mut self.dirty.users);
        DirtyUsers { taken: self.dirty.taken, users: whole.then_some(users) }
    }
}
