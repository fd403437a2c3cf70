//! One change to the homeserver, by numbers.

use serde_json::Value;

use super::kind::{AccountUse, Class, Kind};
use crate::facts::Closed;
use crate::level_of::LevelOf;
use crate::mirror::Membership;
use crate::policy::RoomIx;
use crate::profile::{Fingerprint, Picture};
use crate::setting::Setting;
use crate::users::UserIx;

/// One level of a room: what it is and what it will be.
///
/// What everybody has by `users_default` alone is nobody's own. So lowering the default takes nothing from anybody that the
/// guard would count, and a grant below a raised default gives, as it stays when the default goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PowerEdit {
    pub of: LevelOf,
    /// `None` where the room says nothing of a type of events.
    pub before: Option<i64>,
    /// `None` takes a user's entry away: back to the default.
    pub after: Option<i64>,
    /// Whether power that was theirs is taken from somebody.
    pub lowers: bool,
}

impl PowerEdit {
    /// Whether it is right only beside the lowering of the default: alone it would put its user below everybody else.
    pub(crate) fn hangs_on_default(&self) -> bool {
        self.user().is_some() && !self.lowers && self.after.is_some_and(|after| Some(after) < self.before)
    }

    /// Whether it takes power that policy gives to nobody: a level above the grant, a raised default, a level that the room
    /// asks for and that somebody lowered. It is done each time, however often somebody undoes it.
    pub fn restrains(&self) -> bool {
        match self.of {
            LevelOf::User(_) => self.lowers || self.hangs_on_default(),
            LevelOf::Everybody => true,
            LevelOf::Room(_) => self.before.is_none() || self.after > self.before,
        }
    }

    /// The user whose level it is, if it is one's.
    pub fn user(&self) -> Option<UserIx> {
        self.of.user()
    }
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
    SetDisplayName {
        user: UserIx,
        before: Fingerprint,
        after: Fingerprint,
    },
    SetAvatar {
        user: UserIx,
        before: Fingerprint,
        after: Picture,
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
        /// So that they do not come back by themselves once more.
        ban: bool,
    },
    /// One event with every level that changes in the room.
    SetPowerLevels {
        room: RoomIx,
        edits: Box<[PowerEdit]>,
    },
}

impl Change {
    /// What it does.
    pub fn kind(&self) -> Kind {
        match self {
            Self::CreateAccount { .. } | Self::RestoreAccount { .. } => Kind::CreateAccount,
            Self::LockAccount { .. } => Kind::LockAccount,
            Self::DeactivateAccount { .. } => Kind::DeactivateAccount,
            Self::GrantServerAdmin { .. } => Kind::GrantServerAdmin,
            Self::RevokeServerAdmin { .. } => Kind::RevokeServerAdmin,
            Self::SetDisplayName { .. } => Kind::SetDisplayName,
            Self::SetAvatar { .. } => Kind::SetAvatar,
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
            | Self::RevokeServerAdmin { .. }
            | Self::SetDisplayName { .. }
            | Self::SetAvatar { .. } => None,
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
            | Self::SetDisplayName { user, .. }
            | Self::SetAvatar { user, .. }
            | Self::Join { user, .. }
            | Self::Remove { user, .. } => Some(*user),
            Self::SetRoomState { .. } | Self::SetPowerLevels { .. } => None,
        }
    }

    /// Whose account it makes usable.
    pub fn opens(&self) -> Option<UserIx> {
        self.user().filter(|_| self.kind().account_use() == AccountUse::Opens)
    }

    /// Whose account must be usable before anything can come of it.
    pub fn needs(&self) -> Option<UserIx> {
        self.user().filter(|_| self.kind().account_use() == AccountUse::Needs)
    }

    /// Whose account it closes, and how.
    pub fn closes(&self) -> Option<(UserIx, Closed)> {
        match self.kind().account_use() {
            AccountUse::Closes(closed) => self.user().map(|user| (user, closed)),
            AccountUse::Opens | AccountUse::Needs | AccountUse::Any => None,
        }
    }

    /// The change of this kind that takes something from `user`, whatever they have now. None where it is levels, of which
    /// kind and user do not tell.
    pub(crate) fn taking(kind: Kind, room: Option<RoomIx>, user: UserIx) -> Option<Self> {
        match kind {
            Kind::Remove => room.map(|room| Self::Remove { room, user, before: Membership::Join, ban: false }),
            Kind::LockAccount => Some(Self::LockAccount { user }),
            Kind::DeactivateAccount => Some(Self::DeactivateAccount { user }),
            Kind::RevokeServerAdmin => Some(Self::RevokeServerAdmin { user }),
            Kind::SetPowerLevels
            | Kind::CreateAccount
            | Kind::GrantServerAdmin
            | Kind::SetDisplayName
            | Kind::SetAvatar
            | Kind::SetRoomState
            | Kind::Join => None,
        }
    }

    /// How many places, levels, flags or accounts it takes away, as the guard counts; 0 for what only gives.
    pub fn takes(&self) -> u32 {
        match self {
            Self::SetPowerLevels { edits, .. } => {
                u32::try_from(edits.iter().filter(|edit| edit.lowers).count()).unwrap_or(u32::MAX)
            }
            _ => u32::from(self.kind().takes()),
        }
    }

    /// The users that lose something by it, as often as [`Change::takes`] counts.
    pub(crate) fn loses(&self) -> impl Iterator<Item = UserIx> + '_ {
        let edits: &[PowerEdit] = match self {
            Self::SetPowerLevels { edits, .. } => edits,
            _ => &[],
        };
        let lowered = edits.iter().filter(|edit| edit.lowers).filter_map(PowerEdit::user);
        self.user().filter(|_| self.takes() > 0).into_iter().chain(lowered)
    }

    /// The class it belongs to.
    pub fn class(&self) -> Class {
        self.kind().class()
    }
}
