//! Facts: what the sources say should be. Only holding them; what follows from them is the planner's.

use hashbrown::{HashMap, HashSet};

use crate::column::Column;
use crate::names::NameIx;
use crate::plan::Closed;
use crate::roster::RowTrouble;
use crate::users::UserIx;

/// How far a source can be believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceState {
    /// Never read since the start: nothing it knows is known.
    #[default]
    Unread,
    /// The last reading is whole.
    Good,
    /// The last reading failed; what was read before it still stands, and nobody is removed for its sake.
    Failing(String),
}

/// What upstream (queue and pool) says of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Account {
    /// Never named.
    #[default]
    Unknown,
    Active,
    Disabled,
    Deleted,
    Refused,
}

impl Account {
    /// Whether its owner is gone: out of every managed room, without admin and power.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Disabled | Self::Deleted)
    }
}

/// Where accounts come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccountsFrom {
    /// Without a pool: an account is active when the roster or the queue names it.
    #[default]
    Named,
    /// With a pool: an account is active when the pool says so.
    Pool,
}

/// One belonging, by numbers: the team and, where the row had one, the role.
pub type Place = (NameIx, Option<NameIx>);

/// Everything the sources say.
#[derive(Debug, Default)]
pub struct Facts {
    pub accounts_from: AccountsFrom,
    /// Accounts as the queue and the pool named them.
    pub accounts: Column<Account>,
    /// Accounts that this service locked or deactivated: what it may take back.
    pub closed_by_us: HashMap<UserIx, Closed>,
    /// State of the pool's listing.
    pub pool: SourceState,
    /// State of the roster.
    pub roster: SourceState,
    /// Rows in the last whole reading of the roster.
    pub roster_rows: usize,
    /// What was wrong with single rows.
    pub roster_trouble: Vec<RowTrouble>,
    /// MXIDs that two subjects of the roster fold to.
    pub folded: HashSet<UserIx>,
    /// MXIDs that two subjects of the pool fold to.
    pub folded_accounts: HashSet<UserIx>,
    /// Who belongs to which teams.
    pub places: HashMap<UserIx, Box<[Place]>>,
    /// State of each listed group.
    pub group_states: HashMap<NameIx, SourceState>,
    /// Members of each listed group.
    pub groups: HashMap<NameIx, HashSet<UserIx>>,
}

impl Facts {
    /// Whether two subjects fold to this MXID, so that nothing is concluded of it.
    pub fn is_folded(&self, user: UserIx) -> bool {
        let within = |users: &HashSet<UserIx>| !users.is_empty() && users.contains(&user);
        within(&self.folded) || within(&self.folded_accounts)
    }

    /// Whether the account counts as one of "everyone".
    pub fn is_active(&self, user: UserIx) -> bool {
        match self.accounts.get(user) {
            Account::Active => true,
            Account::Unknown => self.accounts_from == AccountsFrom::Named && self.places.contains_key(&user),
            Account::Disabled | Account::Deleted | Account::Refused => false,
        }
    }
}
