//! Kinds of action and the classes they belong to: modes and the guard go by class.

use serde::{Deserialize, Serialize};

use crate::policy::{Mode, Modes};

/// What an action does, as the contract names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    CreateAccount,
    LockAccount,
    DeactivateAccount,
    GrantServerAdmin,
    RevokeServerAdmin,
    SetRoomState,
    Join,
    Remove,
    SetPowerLevels,
}

/// What is switched on and off, and counted by the guard, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    Accounts,
    Joins,
    Removals,
    PowerLevels,
    RoomState,
    ServerAdmins,
}

impl Kind {
    /// Every kind, in the order in which a plan lists and a lane does them.
    pub const ALL: [Self; 9] = [
        Self::CreateAccount,
        Self::LockAccount,
        Self::DeactivateAccount,
        Self::GrantServerAdmin,
        Self::RevokeServerAdmin,
        Self::SetRoomState,
        Self::Join,
        Self::Remove,
        Self::SetPowerLevels,
    ];

    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateAccount => "create_account",
            Self::LockAccount => "lock_account",
            Self::DeactivateAccount => "deactivate_account",
            Self::GrantServerAdmin => "grant_server_admin",
            Self::RevokeServerAdmin => "revoke_server_admin",
            Self::SetRoomState => "set_room_state",
            Self::Join => "join",
            Self::Remove => "remove",
            Self::SetPowerLevels => "set_power_levels",
        }
    }

    /// The class it belongs to.
    pub fn class(self) -> Class {
        match self {
            Self::CreateAccount | Self::LockAccount | Self::DeactivateAccount => Class::Accounts,
            Self::GrantServerAdmin | Self::RevokeServerAdmin => Class::ServerAdmins,
            Self::SetRoomState => Class::RoomState,
            Self::Join => Class::Joins,
            Self::Remove => Class::Removals,
            Self::SetPowerLevels => Class::PowerLevels,
        }
    }

    /// Whether it is about a room, and not about an account.
    pub fn is_of_a_room(self) -> bool {
        matches!(self.class(), Class::Joins | Class::Removals | Class::PowerLevels | Class::RoomState)
    }
}

impl Class {
    /// The mode it is in.
    pub fn mode(self, modes: &Modes) -> Mode {
        match self {
            Self::Accounts => modes.accounts,
            Self::Joins => modes.joins,
            Self::Removals => modes.removals,
            Self::PowerLevels => modes.power_levels,
            Self::RoomState => modes.room_state,
            Self::ServerAdmins => modes.server_admins,
        }
    }

    /// Its key in `[modes]`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Joins => "joins",
            Self::Removals => "removals",
            Self::PowerLevels => "power_levels",
            Self::RoomState => "room_state",
            Self::ServerAdmins => "server_admins",
        }
    }

    /// What the guard counts of it, in words for many.
    pub fn taken(self) -> &'static str {
        match self {
            Self::Accounts => "accounts closed",
            Self::Removals => "removals",
            Self::PowerLevels => "lowered power levels",
            Self::ServerAdmins => "admins revoked",
            Self::Joins | Self::RoomState => "changes",
        }
    }
}
