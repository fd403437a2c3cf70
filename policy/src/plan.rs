//! The plan as data: what would be done, what is in the way, and why. Execution, preview, guard and ledger use this one
//! value; it holds numbers, and [`crate::view`] turns them into words.

use serde::{Deserialize, Serialize};

use crate::mirror::Membership;
use crate::policy::{Mode, Modes};
use crate::users::UserIx;
use crate::world::RoomIx;

/// What an action does, as the contract names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    CreateAccount,
    Join,
    Remove,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::CreateAccount, Self::Join, Self::Remove];

    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateAccount => "create_account",
            Self::Join => "join",
            Self::Remove => "remove",
        }
    }

    /// Whether the guard counts it.
    pub fn is_destructive(self) -> bool {
        match self {
            Self::Remove => true,
            Self::CreateAccount | Self::Join => false,
        }
    }

    /// The mode its class is in.
    pub fn mode(self, modes: &Modes) -> Mode {
        match self {
            Self::CreateAccount => modes.accounts,
            Self::Join => modes.joins,
            Self::Remove => modes.removals,
        }
    }
}

/// One change to the homeserver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    CreateAccount { user: UserIx },
    Join { room: RoomIx, user: UserIx, before: Membership },
    Remove { room: RoomIx, user: UserIx, before: Membership },
}

/// What a change is about, whatever was there before: the same for every attempt at it.
pub type ChangeKey = (Kind, Option<RoomIx>, Option<UserIx>);

impl Change {
    /// What tells it from other changes.
    pub fn key(&self) -> ChangeKey {
        (self.kind(), self.room(), self.user())
    }

    /// What it does.
    pub fn kind(&self) -> Kind {
        match self {
            Self::CreateAccount { .. } => Kind::CreateAccount,
            Self::Join { .. } => Kind::Join,
            Self::Remove { .. } => Kind::Remove,
        }
    }

    /// The room it is about.
    pub fn room(&self) -> Option<RoomIx> {
        match self {
            Self::CreateAccount { .. } => None,
            Self::Join { room, .. } | Self::Remove { room, .. } => Some(*room),
        }
    }

    /// The user it is about.
    pub fn user(&self) -> Option<UserIx> {
        match self {
            Self::CreateAccount { user } | Self::Join { user, .. } | Self::Remove { user, .. } => Some(*user),
        }
    }
}

/// Why something is planned, or why it is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Because {
    /// This selector of the room (counted from 0) matches.
    Selector(u16),
    /// A source names the user and Synapse has no such account.
    NoAccountYet,
    /// The user is known, and no selector of the room matches.
    NotEntitled,
    /// No source knows this MXID.
    NobodyKnows,
    /// The user is banned from the room.
    Banned,
    /// The user left by choice.
    LeftByChoice,
    /// The account is deactivated on the homeserver.
    Deactivated,
    /// The account is locked on the homeserver.
    Locked,
    /// There is no account, and none will be made.
    AccountMissing,
    /// Synapse's accounts have not been listed yet, so whether there is one is not known.
    AccountsUnlisted,
    /// Two subjects fold to this MXID.
    Folded,
    /// The room's freeze, see [`crate::Freeze`].
    Frozen,
}

/// Why the guard holds an action back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hold {
    /// More in all than `max_removals`: this many within the window, this pass included.
    Total(u32),
    /// More than the free ones and more than `max_fraction` of the room: this many of this many members.
    Fraction { removals: u32, members: u32 },
    /// The roster answered no row at all.
    EmptyRoster,
}

/// One planned change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Action {
    pub change: Change,
    pub mode: Mode,
    pub held: Option<Hold>,
    pub because: Because,
}

impl Action {
    /// Whether this pass carries it out.
    pub fn is_due(&self) -> bool {
        self.mode == Mode::Enforce && self.held.is_none()
    }
}

/// Something that should be so and cannot or may not be made so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Blocked {
    pub kind: Kind,
    pub room: Option<RoomIx>,
    pub user: UserIx,
    pub because: Because,
}

/// A leave by choice that is no longer respected, because the entitlement was lost since.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pardon {
    pub room: RoomIx,
    pub user: UserIx,
    pub event_id: Box<str>,
}

/// What a pass would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order of accounts, then rooms as configured; within them by kind and by user.
    pub actions: Vec<Action>,
    pub blocked: Vec<Blocked>,
    pub pardons: Vec<Pardon>,
    /// Rooms in which nothing is planned: unread, unreadable, or replaced by another.
    pub idle_rooms: Vec<RoomIx>,
}

impl Plan {
    /// Whether there is nothing to do, in any mode.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// What this pass carries out.
    pub fn due(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.is_due())
    }

    /// What waits for approval and would be carried out with it.
    pub fn held(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.held.is_some() && action.mode == Mode::Enforce)
    }
}
