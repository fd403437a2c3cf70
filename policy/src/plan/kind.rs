//! Kinds of action and the classes they belong to: modes and the guard go by class.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, EnumString, IntoStaticStr, VariantArray};

use crate::facts::Closed;
use crate::how_many::how_many;
use crate::policy::{Mode, Modes, RoomIx};

/// What an action does, as the contract names it.
///
/// A plan lists kinds in this order; a lane goes by [`Turn`](super::Turn).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumCount,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    CreateAccount,
    LockAccount,
    DeactivateAccount,
    GrantServerAdmin,
    RevokeServerAdmin,
    SetDisplayName,
    SetAvatar,
    SetRoomState,
    Join,
    Remove,
    SetPowerLevels,
}

/// What is switched on and off, and counted by the guard, together.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumCount, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Class {
    Accounts,
    Joins,
    Removals,
    PowerLevels,
    RoomState,
    ServerAdmins,
    Profiles,
}

/// What a change of a kind is about, as far as its line in the ledger tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActsOn {
    /// A user: their account, their flag, or their place in a room.
    User,
    /// What a user is called or looks like: which it was, the ledger does not say.
    Profile,
    /// One setting of a room, which the line has no name for.
    Setting,
    /// Levels of a room, each by its name.
    Levels,
}

/// What a change has to do with its user's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccountUse {
    /// It makes the account usable: what needs it waits.
    Opens,
    Closes(Closed),
    /// Nothing can come of it before the account is usable.
    Needs,
    /// It can be done whatever the account is.
    Any,
}

/// What is so of every change of a kind: each has a function of [`Kind`], which says what it means.
struct Properties {
    class: Class,
    takes: bool,
    acts_on: ActsOn,
    account_use: AccountUse,
}

/// What limits are counted for: a class, in a room or, where it has none, on the server.
pub type Bucket = (Class, Option<RoomIx>);

impl Kind {
    /// Every kind, in the order in which a plan lists them.
    pub const ALL: [Self; Self::COUNT] = *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What is so of every change of it, one row a kind.
    const fn properties(self) -> Properties {
        let (class, takes, acts_on, account_use) = match self {
            Self::CreateAccount => (Class::Accounts, false, ActsOn::User, AccountUse::Opens),
            Self::LockAccount => (Class::Accounts, true, ActsOn::User, AccountUse::Closes(Closed::Locked)),
            Self::DeactivateAccount => (Class::Accounts, true, ActsOn::User, AccountUse::Closes(Closed::Deactivated)),
            Self::GrantServerAdmin => (Class::ServerAdmins, false, ActsOn::User, AccountUse::Needs),
            Self::RevokeServerAdmin => (Class::ServerAdmins, true, ActsOn::User, AccountUse::Any),
            Self::SetDisplayName => (Class::Profiles, false, ActsOn::Profile, AccountUse::Any),
            Self::SetAvatar => (Class::Profiles, false, ActsOn::Profile, AccountUse::Any),
            Self::SetRoomState => (Class::RoomState, false, ActsOn::Setting, AccountUse::Any),
            Self::Join => (Class::Joins, false, ActsOn::User, AccountUse::Needs),
            Self::Remove => (Class::Removals, true, ActsOn::User, AccountUse::Any),
            Self::SetPowerLevels => (Class::PowerLevels, true, ActsOn::Levels, AccountUse::Any),
        };
        Properties { class, takes, acts_on, account_use }
    }

    /// The class it belongs to.
    pub fn class(self) -> Class {
        self.properties().class
    }

    /// Whether a change of this kind may take something away: [`Change::takes`](super::Change::takes) says how much.
    pub fn takes(self) -> bool {
        self.properties().takes
    }

    /// What it is about.
    pub fn acts_on(self) -> ActsOn {
        self.properties().acts_on
    }

    /// What it has to do with its user's account.
    pub(super) fn account_use(self) -> AccountUse {
        self.properties().account_use
    }

    /// Whether it is about a room, and not about an account.
    pub fn is_of_a_room(self) -> bool {
        self.class().is_of_a_room()
    }
}

impl Class {
    /// Every class, in the order of `[modes]`.
    pub const ALL: [Self; Self::COUNT] = *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// The mode it is in.
    pub fn mode(self, modes: &Modes) -> Mode {
        match self {
            Self::Accounts => modes.accounts,
            Self::Joins => modes.joins,
            Self::Removals => modes.removals,
            Self::PowerLevels => modes.power_levels,
            Self::RoomState => modes.room_state,
            Self::ServerAdmins => modes.server_admins,
            Self::Profiles => modes.profiles,
        }
    }

    /// Whether it is about rooms, and not about accounts.
    pub fn is_of_a_room(self) -> bool {
        match self {
            Self::Joins | Self::Removals | Self::PowerLevels | Self::RoomState => true,
            Self::Accounts | Self::ServerAdmins | Self::Profiles => false,
        }
    }

    /// Its key in `[modes]`.
    pub fn key(self) -> &'static str {
        self.into()
    }

    /// What the guard counts of it, in words: so many.
    pub fn taken(self, count: u32) -> String {
        let (one, many) = match self {
            Self::Accounts => ("account closed", "accounts closed"),
            Self::Removals => ("removal", "removals"),
            Self::PowerLevels => ("lowered power level", "lowered power levels"),
            Self::ServerAdmins => ("admin revoked", "admins revoked"),
            Self::Joins | Self::RoomState | Self::Profiles => ("change", "changes"),
        };
        how_many(count, one, many)
    }
}
