//! Inputs that all users' decisions share (freezes, listings, room state). While they compare equal, only dirty users are
//! evaluated again. Comparing them takes O(rooms and selectors).

use std::sync::Arc;

use crate::facts::AccountsFrom;
use crate::planner::MembersInputs;
use crate::policy::RoomIx;
use crate::world::World;

/// The shared inputs at one evaluation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SharedInputs {
    pub(super) server: ServerInputs,
    pub(super) rooms: Vec<RoomInputs>,
}

/// Of accounts and server admins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerInputs {
    pub(super) listed: bool,
    from: AccountsFrom,
    pub(super) pool_frozen: bool,
    pub(super) admins_frozen: bool,
    /// For each selector of the admins.
    unreadable: Vec<bool>,
}

/// Of one room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RoomInputs {
    pub(super) members: MembersInputs,
    /// The room's own state: settings, levels, what is to be restored.
    pub(super) state: u64,
    pub(super) power_frozen: bool,
    /// Whether it is not known who has a grant in the room.
    pub(super) grants_in_doubt: bool,
    /// Whether what the roster says of the room's members looks wrong: levels wait for that, and for no empty group.
    pub(super) roster_suspicious: bool,
}

impl SharedInputs {
    /// `before`: what it was at the last evaluation.
    pub(super) fn of(world: &World, before: Option<&Self>) -> Self {
        let unreadable = world.admins.iter().map(|selector| world.unreadable_source(*selector).is_some());
        let server = ServerInputs {
            listed: world.mirror.accounts_listed,
            from: world.facts.accounts_from,
            pool_frozen: world.pool_freeze().is_some(),
            admins_frozen: world.admins_freeze().is_some(),
            unreadable: unreadable.collect(),
        };
        let of = |room: RoomIx| RoomInputs::of(world, room, before.map(|before| &before.rooms[room.index()]));
        Self { server, rooms: world.rooms().map(of).collect() }
    }

    pub(super) fn members(&self, room: RoomIx) -> &MembersInputs {
        &self.rooms[room.index()].members
    }
}

impl RoomInputs {
    fn of(world: &World, room: RoomIx, before: Option<&Self>) -> Self {
        let state = world.state_revision(room);
        let members = match before.filter(|before| before.state == state) {
            Some(before) => MembersInputs::with(world, room, Arc::clone(&before.members.standing)),
            None => MembersInputs::of(world, room),
        };
        let power_frozen =
            world.power[room.index()].iter().any(|(_, selectors)| world.freeze_of_any(selectors).is_some());
        Self {
            members,
            state,
            power_frozen,
            grants_in_doubt: world.doubt_of_grants(room).is_some(),
            roster_suspicious: world.roster_suspicion(room).is_some(),
        }
    }
}
