//! What a level in a room belongs to.

use crate::users::UserIx;

/// What has a level in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LevelOf {
    User(UserIx),
    /// Everybody who is not named: `users_default`.
    Everybody,
    /// What the room asks for, by its position in [`RoomPolicy::levels`](crate::RoomPolicy::levels).
    Room(u16),
}

impl LevelOf {
    /// The user whose level it is, if it is one's.
    pub fn user(self) -> Option<UserIx> {
        match self {
            Self::User(user) => Some(user),
            Self::Everybody | Self::Room(_) => None,
        }
    }
}

impl From<UserIx> for LevelOf {
    fn from(user: UserIx) -> Self {
        Self::User(user)
    }
}
