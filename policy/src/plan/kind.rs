//! Kinds of action and the classes they belong to: modes and the guard go by class.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, EnumString, IntoStaticStr, VariantArray};

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

/// What limits are counted for: a class, in a room or, where it has none, on the server.
pub type Bucket = (Class, Option<RoomIx>);

impl Kind {
    /// Every kind, in the order in which a plan lists them.
    pub const ALL: [Self; Self::COUNT] = *Self::VARIANTS.first_chunk().expect("as many as there are");

    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The class it belongs to.
    pub fn class(self) -> Class {
        match self {
            Self::CreateAccount | Self::LockAccount | Self::DeactivateAccount => Class::Accounts,
            Self::GrantServerAdmin | Self::RevokeServerAdmin => Class::ServerAdmins,
            Self::SetDisplayName | Self::SetAvatar => Class::Profiles,
            Self::SetRoomState => Class::RoomState,
            Self::Join => Class::Joins,
            Self::Remove => Class::Removals,
            Self::SetPowerLevels => Class::PowerLevels,
        }
    }

    /// Whether a change of this kind may take something away: [`Change::takes`](super::Change::takes) says how much.
    pub fn takes(self) -> bool {
        match self {
            Self::LockAccount
            | Self::DeactivateAccount
            | Self::RevokeServerAdmin
            | Self::Remove
            | Self::SetPowerLevels => true,
            Self::CreateAccount
            | Self::GrantServerAdmin
            | Self::SetDisplayName
            | Self::SetAvatar
            | Self::SetRoomState
            | Self::Join => false,
        }
    }

    /// What it is about.
    pub fn acts_on(self) -> ActsOn {
        match self {
            Self::CreateAccount
            | Self::LockAccount
            | Self::DeactivateAccount
            | Self::GrantServerAdmin
            | Self::RevokeServerAdmin
            | Self::Join
            | Self::Remove => ActsOn::User,
            Self::SetDisplayName | Self::SetAvatar => ActsOn::Profile,
            Self::SetRoomState => ActsOn::Setting,
            Self::SetPowerLevels => ActsOn::Levels,
        }
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
