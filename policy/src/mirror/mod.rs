//! The mirror: what Synapse has, as last seen. Reading it and applying what was pushed; no evaluation here.

mod accounts;
mod leaves;
mod members;
mod membership;
mod state;
mod upgrade;

use hashbrown::{HashMap, HashSet};

pub use self::accounts::{Accounts, OnServer};
pub use self::leaves::VoluntaryLeave;
pub use self::membership::Membership;
pub use self::state::StateEntry;
use crate::column::Column;
use crate::profile::SeenProfiles;
use crate::users::UserIx;

/// Whether a room can be worked on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RoomStatus {
    /// Not read yet, or to be read again before the next plan.
    #[default]
    Unread,
    /// Read, and kept by pushes.
    Ready,
    /// Could not be read; the text says why and names the mend.
    Unreadable(String),
}

/// What is known of one managed room on Synapse.
#[derive(Debug, Default)]
pub struct RoomMirror {
    pub status: RoomStatus,
    members: Column<Membership>,
    voluntary_leaves: HashMap<UserIx, VoluntaryLeave>,
    /// Invitations that the bot did not send.
    invited_by_others: HashSet<UserIx>,
    /// Bans that the bot set.
    banned_by_us: HashSet<UserIx>,
    /// Users who were invited, removed or banned by somebody else, as read, each by this event: whether a leave by choice came
    /// before it is not known yet.
    unread_pasts: HashMap<UserIx, Box<str>>,
    /// State events with an empty state key, by their type.
    pub(crate) state: HashMap<Box<str>, StateEntry>,
    /// A room that a tombstone named, and who made it, where it says that it replaces this one.
    upgrade: Option<(Box<str>, Option<Box<str>>)>,
    /// Version of the room, as its create event says.
    pub version: String,
    joined: u32,
    invited: u32,
}

/// Everything seen on Synapse.
#[derive(Debug, Default)]
pub struct Mirror {
    /// In the order of the policy's rooms.
    pub rooms: Vec<RoomMirror>,
    /// Accounts of our own server.
    pub accounts: Accounts,
    /// Whether the listing of accounts was read to its end.
    pub accounts_listed: bool,
    /// Names and pictures of accounts, where the policy says something of them.
    pub profiles: SeenProfiles,
}
