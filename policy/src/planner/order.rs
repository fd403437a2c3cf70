//! The order of a plan: by room, kind, and the user's name.

use super::power::Levelled;
use crate::plan::{Action, Blocked, ClearedLeave, Kind};
use crate::policy::RoomIx;
use crate::users::UserIx;
use crate::world::World;

/// Where in a plan something stands: in which room, or in none, and by which kind.
pub(super) type Slot = (Option<RoomIx>, Kind);

/// Something in a list of the plan.
pub(super) trait Sorted {
    fn slot(&self) -> Slot;
    fn user(&self) -> Option<UserIx>;
}

impl Sorted for Action {
    fn slot(&self) -> Slot {
        (self.change.room(), self.change.kind())
    }

    fn user(&self) -> Option<UserIx> {
        self.change.user()
    }
}

impl Sorted for Blocked {
    fn slot(&self) -> Slot {
        (self.room, self.kind)
    }

    fn user(&self) -> Option<UserIx> {
        Some(self.user)
    }
}

impl Sorted for ClearedLeave {
    fn slot(&self) -> Slot {
        (Some(self.room), Kind::Join)
    }

    fn user(&self) -> Option<UserIx> {
        Some(self.user)
    }
}

impl Sorted for Levelled {
    fn slot(&self) -> Slot {
        (None, Kind::SetPowerLevels)
    }

    fn user(&self) -> Option<UserIx> {
        Some(self.user)
    }
}

/// What an entry is ordered by. The beginning of a name nearly always tells, and then the name is not gone after.
type SortKey = (Slot, u64, u32);

/// Orders by words, not by numbers: numbers depend on what was seen first.
pub(super) fn sort<T: Sorted>(world: &World, list: &mut [T]) {
    let name = |one: &T| one.user().map(|user| world.users.key(user));
    let key = |(position, one): (u32, &T)| (one.slot(), beginning(name(one).unwrap_or_default()), position);
    let mut keys: Vec<SortKey> = (0..).zip(&*list).map(key).collect();
    keys.sort_unstable();
    for same in keys.chunk_by_mut(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|same| same.len() > 1) {
        same.sort_by_key(|(.., position)| name(&list[*position as usize]));
    }
    // Each is swapped to its place; who was swapped away from there is found by the way they went.
    for at in 0..keys.len() {
        let mut from = keys[at].2 as usize;
        while from < at {
            from = keys[from].2 as usize;
        }
        keys[at].2 = u32::try_from(from).expect("it was one before");
        list.swap(at, from);
    }
}

/// The first eight bytes as a number that compares as they do.
fn beginning(name: &str) -> u64 {
    let mut bytes = [0; 8];
    let length = name.len().min(bytes.len());
    bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
    u64::from_be_bytes(bytes)
}
