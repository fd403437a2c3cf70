//! Facts: what the sources say should be. Only holding them; what follows from them is the planner's.

use hashbrown::{HashMap, HashSet};
use strum::{EnumString, IntoStaticStr};

use crate::column::Column;
use crate::names::{NameIx, Names};
use crate::profile::ProfileFacts;
use crate::team_memberships::TeamMemberships;
use crate::trouble::RowTrouble;
use crate::users::UserIx;

/// How far a source can be believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceState {
    /// Never read since the start: nothing it knows is known.
    #[default]
    Unread,
    /// The last reading is whole.
    Good,
    /// The last reading failed; what was read before it still stands, and nobody is removed because of it.
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

/// How an account was taken out of use. The ledger and the store spell it as its name, in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Closed {
    Locked,
    Deactivated,
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

/// The first row, by its position among all trouble, that may hide somebody: so that a freeze is looked up and not searched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hiding {
    /// Somebody of any team.
    any: Option<usize>,
    of_team: HashMap<NameIx, usize>,
}

impl Hiding {
    pub(crate) fn of(trouble: &[RowTrouble], mut name: impl FnMut(&str) -> NameIx) -> Self {
        let mut hiding = Self::default();
        for (position, one) in trouble.iter().enumerate().filter(|(_, one)| one.hides_someone()) {
            match one.team() {
                Some(team) => drop(hiding.of_team.entry(name(team)).or_insert(position)),
                None => drop(hiding.any.get_or_insert(position)),
            }
        }
        hiding
    }

    pub(crate) fn teams(&self) -> impl Iterator<Item = NameIx> + '_ {
        self.of_team.keys().copied()
    }

    /// The first that may hide somebody of this team, or of whatever team.
    pub(crate) fn first(&self, team: Option<NameIx>) -> Option<usize> {
        let of_teams = match team {
            Some(team) => self.of_team.get(&team).copied(),
            None => self.of_team.values().min().copied(),
        };
        self.any.into_iter().chain(of_teams).min()
    }
}

/// The source that is told of by this name; the others are the pool and its groups.
pub const THE_ROSTER: &str = "the roster";

/// Everything the sources say.
#[derive(Debug, Default)]
pub struct Facts {
    pub accounts_from: AccountsFrom,
    /// Accounts as the queue and the pool named them, to be read through [`Facts::account`].
    pub accounts: Column<Account>,
    /// Users that the pool denied before they got what they have now, each with the revision of the world at that: the pool has
    /// yet to be asked again.
    pub(crate) outdated_denials: HashMap<UserIx, u64>,
    /// Accounts that this service locked or deactivated: what it may take back.
    pub closed_by_us: HashMap<UserIx, Closed>,
    /// Accounts that this service locked, and whose sessions may not have been ended.
    pub sessions_remain: HashSet<UserIx>,
    /// State of the pool's listing.
    pub pool: SourceState,
    /// State of the roster.
    pub roster: SourceState,
    /// Rows in the last whole reading of the roster.
    pub roster_rows: usize,
    /// What was wrong with single rows, in their order.
    pub roster_trouble: Vec<RowTrouble>,
    /// Trouble in words, cut to what can be read.
    pub(crate) roster_notices: Vec<String>,
    /// Which trouble may hide somebody.
    pub(crate) hiding: Hiding,
    /// MXIDs that two subjects of the roster fold to.
    pub folded: HashSet<UserIx>,
    /// MXIDs that two subjects of the pool fold to.
    pub folded_accounts: HashSet<UserIx>,
    /// Who belongs to which teams.
    pub teams: TeamMemberships,
    /// Teams that had people and have nobody while others have, each with the name that it may have now.
    pub(crate) emptied_teams: HashMap<NameIx, Option<NameIx>>,
    /// State of each listed group.
    pub group_states: HashMap<NameIx, SourceState>,
    /// Members of each listed group.
    pub groups: HashMap<NameIx, HashSet<UserIx>>,
    /// Names and pictures.
    pub profiles: ProfileFacts,
    /// How far the query for them can be believed.
    pub profiles_source: SourceState,
}

impl Facts {
    /// How far each source can be believed that says who belongs somewhere, in the order of the words for them.
    pub fn source_states(&self, names: &Names) -> Vec<(String, &SourceState)> {
        // Taken apart, so that a new source is not forgotten here.
        let Self {
            roster,
            pool,
            group_states,
            // What it says takes nothing from anybody.
            profiles_source: _,
            accounts_from: _,
            accounts: _,
            outdated_denials: _,
            closed_by_us: _,
            sessions_remain: _,
            roster_rows: _,
            roster_trouble: _,
            roster_notices: _,
            hiding: _,
            folded: _,
            folded_accounts: _,
            teams: _,
            emptied_teams: _,
            groups: _,
            profiles: _,
        } = self;
        let groups = group_states.iter().map(|(name, state)| (format!("group {:?}", names.text(*name)), state));
        let mut states: Vec<_> = groups.collect();
        states.extend([("the pool".to_owned(), pool), (THE_ROSTER.to_owned(), roster)]);
        states.sort_by(|one, other| one.0.cmp(&other.0));
        states
    }

    /// The users that two or more subjects fold to.
    pub(crate) fn all_folded(&self) -> impl Iterator<Item = UserIx> + '_ {
        self.folded.iter().chain(&self.folded_accounts).copied()
    }

    /// Whether two subjects fold to this MXID, so that nothing is concluded of it.
    pub fn is_folded(&self, user: UserIx) -> bool {
        let within = |users: &HashSet<UserIx>| !users.is_empty() && users.contains(&user);
        within(&self.folded) || within(&self.folded_accounts)
    }

    /// What upstream says of an account. Without a pool nobody can say that an account is gone: what an earlier pool said
    /// is over.
    pub fn account(&self, user: UserIx) -> Account {
        match (self.accounts_from, self.accounts.get(user)) {
            (AccountsFrom::Pool, account) | (AccountsFrom::Named, account @ Account::Active) => account,
            (AccountsFrom::Named, _) => Account::Unknown,
        }
    }

    /// Whether the pool has not said yet whether it has the account: it was never asked, or not since its owner got what they have.
    pub(crate) fn is_unsaid(&self, user: UserIx) -> bool {
        match self.account(user) {
            Account::Unknown => true,
            Account::Refused => self.outdated_denials.contains_key(&user),
            Account::Active | Account::Disabled | Account::Deleted => false,
        }
    }

    /// Whether the account counts as one of "everyone".
    pub fn is_active(&self, user: UserIx) -> bool {
        match self.account(user) {
            Account::Active => true,
            Account::Unknown => self.accounts_from == AccountsFrom::Named && self.teams.contains(user),
            Account::Disabled | Account::Deleted | Account::Refused => false,
        }
    }
}
