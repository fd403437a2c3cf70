//! One change to the homeserver, by numbers.

use std::hash::{Hash, Hasher};

use serde_json::{Value, json};

use super::kind::{Class, Kind};
use crate::mirror::Membership;
use crate::setting::Setting;
use crate::users::UserIx;
use crate::world::{RoomIx, World};

/// How an account was taken out of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    Locked,
    Deactivated,
}

/// One user's power level: what it is and what it will be. `after` of `None` takes the entry away: back to the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PowerEdit {
    pub user: UserIx,
    pub before: i64,
    pub after: Option<i64>,
    /// Whether power is taken away.
    pub lowers: bool,
}

/// One change to the homeserver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    CreateAccount {
        user: UserIx,
    },
    /// Takes back our own lock or deactivation. A lock that somebody else set is left alone.
    RestoreAccount {
        user: UserIx,
        before: Closed,
    },
    LockAccount {
        user: UserIx,
    },
    DeactivateAccount {
        user: UserIx,
    },
    GrantServerAdmin {
        user: UserIx,
    },
    RevokeServerAdmin {
        user: UserIx,
    },
    SetRoomState {
        room: RoomIx,
        setting: Setting,
        before: Option<Value>,
        after: String,
    },
    Join {
        room: RoomIx,
        user: UserIx,
        before: Membership,
    },
    Remove {
        room: RoomIx,
        user: UserIx,
        before: Membership,
    },
    /// One event with every level that changes in the room.
    SetPowerLevels {
        room: RoomIx,
        edits: Box<[PowerEdit]>,
    },
}

/// What a change is about, whatever was there before: the same for every attempt at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChangeKey {
    pub kind: Kind,
    pub room: Option<RoomIx>,
    pub user: Option<UserIx>,
    /// Tells changes of one room from each other: which setting, which levels.
    pub detail: u64,
}

impl ChangeKey {
    /// One person's level in a room, whatever else changes in the same event.
    pub fn of_level(room: RoomIx, user: UserIx, after: Option<i64>) -> Self {
        let mut hasher = std::hash::DefaultHasher::new();
        after.hash(&mut hasher);
        Self { kind: Kind::SetPowerLevels, room: Some(room), user: Some(user), detail: hasher.finish() }
    }
}

impl Change {
    /// What tells it from other changes.
    pub fn key(&self) -> ChangeKey {
        ChangeKey { kind: self.kind(), room: self.room(), user: self.user(), detail: self.detail() }
    }

    /// What it does.
    pub fn kind(&self) -> Kind {
        match self {
            Self::CreateAccount { .. } | Self::RestoreAccount { .. } => Kind::CreateAccount,
            Self::LockAccount { .. } => Kind::LockAccount,
            Self::DeactivateAccount { .. } => Kind::DeactivateAccount,
            Self::GrantServerAdmin { .. } => Kind::GrantServerAdmin,
            Self::RevokeServerAdmin { .. } => Kind::RevokeServerAdmin,
            Self::SetRoomState { .. } => Kind::SetRoomState,
            Self::Join { .. } => Kind::Join,
            Self::Remove { .. } => Kind::Remove,
            Self::SetPowerLevels { .. } => Kind::SetPowerLevels,
        }
    }

    /// The room it is about.
    pub fn room(&self) -> Option<RoomIx> {
        match self {
            Self::CreateAccount { .. }
            | Self::RestoreAccount { .. }
            | Self::LockAccount { .. }
            | Self::DeactivateAccount { .. }
            | Self::GrantServerAdmin { .. }
            | Self::RevokeServerAdmin { .. } => None,
            Self::SetRoomState { room, .. }
            | Self::Join { room, .. }
            | Self::Remove { room, .. }
            | Self::SetPowerLevels { room, .. } => Some(*room),
        }
    }

    /// The user it is about, where it is about one.
    pub fn user(&self) -> Option<UserIx> {
        match self {
            Self::CreateAccount { user }
            | Self::RestoreAccount { user, .. }
            | Self::LockAccount { user }
            | Self::DeactivateAccount { user }
            | Self::GrantServerAdmin { user }
            | Self::RevokeServerAdmin { user }
            | Self::Join { user, .. }
            | Self::Remove { user, .. } => Some(*user),
            Self::SetRoomState { .. } | Self::SetPowerLevels { .. } => None,
        }
    }

    /// How many places, levels, flags or accounts it takes away, as the guard counts; 0 for what only gives.
    pub fn takes(&self) -> u32 {
        match self {
            Self::Remove { .. }
            | Self::LockAccount { .. }
            | Self::DeactivateAccount { .. }
            | Self::RevokeServerAdmin { .. } => 1,
            Self::SetPowerLevels { edits, .. } => {
                u32::try_from(edits.iter().filter(|edit| edit.lowers).count()).unwrap_or(u32::MAX)
            }
            Self::CreateAccount { .. }
            | Self::RestoreAccount { .. }
            | Self::GrantServerAdmin { .. }
            | Self::SetRoomState { .. }
            | Self::Join { .. } => 0,
        }
    }

    /// The class it belongs to.
    pub fn class(&self) -> Class {
        self.kind().class()
    }

    fn detail(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        match self {
            Self::SetRoomState { setting, after, .. } => (setting, after).hash(&mut hasher),
            Self::SetPowerLevels { edits, .. } => {
                edits.iter().for_each(|edit| (edit.user, edit.after).hash(&mut hasher));
            }
            Self::RestoreAccount { before, .. } => before.hash(&mut hasher),
            _ => return 0,
        }
        hasher.finish()
    }

    /// What is there now and what will be, as the plan shows and the ledger keeps it.
    pub fn before_and_after(&self, world: &World) -> (Value, Value) {
        match self {
            Self::CreateAccount { .. } => (Value::Null, json!("active")),
            Self::RestoreAccount { before: Closed::Locked, .. } => (json!("locked"), json!("active")),
            Self::RestoreAccount { before: Closed::Deactivated, .. } => (json!("deactivated"), json!("active")),
            Self::LockAccount { .. } => (json!("active"), json!("locked")),
            Self::DeactivateAccount { .. } => (json!("active"), json!("deactivated")),
            Self::GrantServerAdmin { .. } => (json!(false), json!(true)),
            Self::RevokeServerAdmin { .. } => (json!(true), json!(false)),
            Self::SetRoomState { before, after, .. } => (before.clone().unwrap_or_default(), json!(after)),
            Self::Join { before, .. } => (json!(before.as_str()), json!("join")),
            Self::Remove { before, .. } => (json!(before.as_str()), json!("leave")),
            Self::SetPowerLevels { edits, .. } => {
                let levels = |of: fn(&PowerEdit) -> Value| -> Value {
                    let levels = edits.iter().map(|edit| (world.users.mxid(edit.user), of(edit)));
                    levels.collect::<serde_json::Map<_, _>>().into()
                };
                (levels(|edit| json!(edit.before)), levels(|edit| json!(edit.after)))
            }
        }
    }
}
