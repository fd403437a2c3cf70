//! Backgrounds: what is known of how somebody came by what they have and how they lost the right to it. Words are made of it and
//! nothing else: no decision looks at it, so it may lack anything.

use crate::policy::RoomIx;
use crate::users::UserIx;

/// How many changes of one reading are noted. After an accident with the whole table nobody reads all of them.
const MOST_LOST: usize = 10_000;

/// What a source says of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Belonged {
    Team { team: String, role: Option<String> },
    Group(String),
}

/// A moment: to be compared, and in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Seconds since 1970.
    pub seconds: i64,
    pub words: String,
}

/// What a source said of somebody until it said so no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    pub what: Belonged,
    pub until: Moment,
}

/// By whose hand somebody came into a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// We joined them, for this reason.
    Service { at: Moment, because: String },
    /// They were invited by this user.
    Invitation(String),
    /// They came by themselves.
    Themselves,
}

/// What is known of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Background {
    /// The newest first.
    pub losses: Vec<Loss>,
    /// Some losses were too many to be noted, so that none is not the same as never.
    pub may_lack: bool,
    pub entrances: Vec<(RoomIx, Entrance)>,
    /// Since when the account is what the pool says.
    pub account_since: Option<Moment>,
}

/// What the sources said of people and say no longer, since this was last taken.
#[derive(Debug, Default)]
pub struct Lost {
    pub losses: Vec<(UserIx, Belonged)>,
    /// There were more.
    pub more: bool,
}

impl Lost {
    pub(crate) fn note(&mut self, user: UserIx, what: impl FnOnce() -> Belonged) {
        if self.losses.len() < MOST_LOST {
            self.losses.push((user, what()));
        } else {
            self.more = true;
        }
    }
}

impl Belonged {
    /// "lead of staff", "in group nest-admin".
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Team { team, role: Some(role) } => format!("{role} of {team}"),
            Self::Team { team, role: None } => format!("in team {team}"),
            Self::Group(group) => format!("in group {group}"),
        }
    }
}
