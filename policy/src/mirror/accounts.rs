//! What Synapse says of the accounts of our own server.

use hashbrown::HashSet;

use crate::column::Column;
use crate::users::UserIx;

/// What Synapse says of one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnServer {
    pub present: bool,
    pub deactivated: bool,
    pub locked: bool,
    pub admin: bool,
}

/// Accounts of our own server, one byte each.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    states: Column<u8>,
    /// Seldom anybody; told of single accounts only.
    suspended: HashSet<UserIx>,
    present: u32,
    admins: u32,
}

impl Accounts {
    /// What Synapse says of an account.
    pub fn get(&self, user: UserIx) -> OnServer {
        OnServer::unpack(self.states.get(user))
    }

    /// Sets what Synapse says of an account, and returns what it said before.
    pub(crate) fn set(&mut self, user: UserIx, state: OnServer) -> OnServer {
        let before = OnServer::unpack(self.states.set(user, state.pack()));
        self.present = self.present + u32::from(state.present) - u32::from(before.present);
        self.admins = self.admins + u32::from(state.admin) - u32::from(before.admin);
        before
    }

    /// Every known account.
    pub fn iter(&self) -> impl Iterator<Item = (UserIx, OnServer)> + '_ {
        self.states.iter().map(|(user, state)| (user, OnServer::unpack(state)))
    }

    /// Whether Synapse was seen to have the account suspended: nobody can join it to anything.
    pub fn is_suspended(&self, user: UserIx) -> bool {
        !self.suspended.is_empty() && self.suspended.contains(&user)
    }

    /// Everybody who was seen to be suspended.
    pub fn suspended(&self) -> Vec<UserIx> {
        self.suspended.iter().copied().collect()
    }

    /// False where that was known.
    pub(crate) fn set_suspended(&mut self, user: UserIx, suspended: bool) -> bool {
        if suspended { self.suspended.insert(user) } else { self.suspended.remove(&user) }
    }

    /// How many there are.
    pub fn present(&self) -> u32 {
        self.present
    }

    /// How many are server admins.
    pub fn admins(&self) -> u32 {
        self.admins
    }
}

impl OnServer {
    fn pack(self) -> u8 {
        let Self { present, deactivated, locked, admin } = self;
        [present, deactivated, locked, admin].into_iter().rev().fold(0, |bits, one| bits << 1 | u8::from(one))
    }

    fn unpack(bits: u8) -> Self {
        let [present, deactivated, locked, admin] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
        Self { present, deactivated, locked, admin }
    }
}
