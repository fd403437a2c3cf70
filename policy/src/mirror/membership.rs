//! The memberships that a user can have of a room.

/// A user's membership of one room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Membership {
    /// No membership event at all.
    #[default]
    None,
    Invite,
    Join,
    /// Not in the room: removed by somebody else, or an invitation taken back.
    Removed,
    /// Not in the room: left by the user's own act.
    Left,
    Ban,
    Knock,
}

impl Membership {
    /// As the contract's JSON spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Invite => "invite",
            Self::Join => "join",
            Self::Removed | Self::Left => "leave",
            Self::Ban => "ban",
            Self::Knock => "knock",
        }
    }

    /// From an `m.room.member` event. A leave that the user sent is a choice; any other was done to them.
    pub fn of_event(membership: &str, by_the_user: bool) -> Option<Self> {
        Some(match membership {
            "invite" => Self::Invite,
            "join" => Self::Join,
            "leave" if by_the_user => Self::Left,
            "leave" => Self::Removed,
            "ban" => Self::Ban,
            "knock" => Self::Knock,
            _ => return None,
        })
    }
}
