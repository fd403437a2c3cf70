//! What judgements rest on beside what is known of the one who is judged: while it is the same, whoever was not touched is
//! judged as before. It is compared as a whole, in O(rooms and selectors).

use super::is_idle;
use crate::facts::AccountsFrom;
use crate::world::{RoomIx, World};

/// All of it, as it was when everybody was judged last.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Basis {
    pub(super) server: ServerBasis,
    pub(super) rooms: Vec<RoomBasis>,
}

/// Of accounts and server admins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerBasis {
    pub(super) listed: bool,
    from: AccountsFrom,
    pub(super) pool_frozen: bool,
    pub(super) admins_frozen: bool,
    /// For each selector of the admins.
    unreadable: Vec<bool>,
}

/// Of one room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RoomBasis {
    pub(super) members: MembersBasis,
    /// The room's own state: settings, levels, what is to be restored.
    pub(super) state: u64,
    pub(super) power_frozen: bool,
}

/// Of the members of a room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MembersBasis {
    pub(super) idle: bool,
    pub(super) frozen: bool,
    suspect: bool,
    listed: bool,
    from: AccountsFrom,
}

impl Basis {
    pub(super) fn of(world: &World) -> Self {
        let unreadable = world.admins.iter().map(|selector| world.unreadable_source(*selector).is_some());
        let server = ServerBasis {
            listed: world.mirror.accounts_listed,
            from: world.facts.accounts_from,
            pool_frozen: world.pool_freeze().is_some(),
            admins_frozen: world.admins_freeze().is_some(),
            unreadable: unreadable.collect(),
        };
        Self { server, rooms: world.rooms().map(|room| RoomBasis::of(world, room)).collect() }
    }

    pub(super) fn members(&self, room: RoomIx) -> &MembersBasis {
        &self.rooms[room.index()].members
    }
}

impl RoomBasis {
    fn of(world: &World, room: RoomIx) -> Self {
        let members = MembersBasis {
            idle: is_idle(world, room),
            frozen: world.freeze(room).is_some(),
            suspect: world.roster_is_suspect(room),
            listed: world.mirror.accounts_listed,
            from: world.facts.accounts_from,
        };
        let power_frozen =
            world.power[room.index()].iter().any(|(_, selectors)| world.freeze_of_any(selectors).is_some());
        Self { members, state: world.state_revision(room), power_frozen }
    }
}
