//! Doubts: what a push leaves unclear and one question to Synapse settles. An event costs the one thing that it is about,
//! and never a reading of the room.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use provisioner_policy::{Membership, RoomIx, UserIx};

/// A pushed membership of which it is unclear whether it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PushedMember {
    pub(crate) membership: Membership,
    pub(crate) event_id: String,
    pub(crate) by_bot: bool,
}

/// What is unclear of a room.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RoomDoubts {
    /// The last push about each.
    pub(crate) members: BTreeMap<UserIx, PushedMember>,
    /// Types of state with an empty state key.
    pub(crate) states: BTreeSet<String>,
    /// Events that were redacted: which state they were, if any, is to be asked.
    pub(crate) redacted: BTreeSet<String>,
}

impl RoomDoubts {
    /// How many questions it takes.
    pub(crate) fn len(&self) -> usize {
        self.members.len() + self.states.len() + self.redacted.len()
    }
}

/// What is unclear, by room.
pub(crate) type Doubts = HashMap<RoomIx, RoomDoubts>;
