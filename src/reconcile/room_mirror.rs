//! The mirror of a room: which of its state is read into it, and when it is trusted no longer. Readings and pushes share
//! these rules.

use provisioner_policy::{POWER_LEVELS, RoomIx, RoomSettings, RoomStatus, Setting, World};

pub(crate) const CREATE: &str = "m.room.create";

/// What is read of every room besides how it was created.
const ALWAYS: [&str; 3] = [POWER_LEVELS, "m.room.join_rules", "m.room.tombstone"];

/// The state that policy looks at in a room with these settings, besides how it was created.
pub(crate) fn read_types(settings: &RoomSettings) -> impl Iterator<Item = &'static str> {
    let wanted = Setting::ALL.into_iter().filter(|setting| setting.wanted(settings).is_some());
    let others = wanted.map(|setting| setting.event().0).filter(|kind| !ALWAYS.contains(kind));
    ALWAYS.into_iter().chain(others)
}

/// Whether a reading of such a room tells this state.
pub(crate) fn is_read(settings: &RoomSettings, event_type: &str) -> bool {
    event_type == CREATE || read_types(settings).any(|one| one == event_type)
}

/// A room whose mirror is no longer trusted: read again before the next plan.
pub(crate) fn distrust(world: &mut World, room: RoomIx) {
    if world.room(room).status == RoomStatus::Ready {
        world.set_room_status(room, RoomStatus::Unread);
    }
}
