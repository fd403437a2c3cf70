//! The order of a plan: by room, kind, and the user's name. Lists are kept in it while single users' entries come and go.

use std::cmp::Ordering;
use std::ops::Range;

use super::power::Levelled;
use crate::plan::{Action, Blocked, ClearedLeave, Kind};
use crate::user_set::UserSet;
use crate::users::UserIx;
use crate::world::{RoomIx, World};

/// Where in a plan something stands: in which room, or in none, and by which kind.
pub(super) type Slot = (Option<RoomIx>, Kind);

/// So few are put into a list one by one; for more the list is made anew.
const FEW: usize = 4;

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

/// Where in a list the entries of these kinds are.
pub(super) fn range<T: Sorted>(list: &[T], room: Option<RoomIx>, first: Kind, last: Kind) -> Range<usize> {
    let start = list.partition_point(|one| one.slot() < (room, first));
    let end = list.partition_point(|one| one.slot() <= (room, last));
    start..end
}

/// Puts others in place of all entries of these kinds.
pub(super) fn replace<T: Sorted>(
    world: &World,
    list: &mut Vec<T>,
    (room, first, last): (Option<RoomIx>, Kind, Kind),
    mut with: Vec<T>,
) {
    sort(world, &mut with);
    let range = range(list, room, first, last);
    if range.is_empty() && range.start == list.len() {
        list.append(&mut with);
    } else {
        list.splice(range, with);
    }
}

/// Puts others in place of all entries of these users at these slots.
pub(super) fn replace_users<T: Sorted>(
    world: &World,
    list: &mut Vec<T>,
    users: &UserSet,
    slots: &[Slot],
    mut with: Vec<T>,
) {
    remove(world, list, users, slots);
    sort(world, &mut with);
    let position = |list: &[T], one: &T| {
        let name = one.user().map(|user| world.users.key(user));
        list.partition_point(|other| compare(world, other, one.slot(), name).is_lt())
    };
    if with.len() <= FEW {
        for one in with {
            list.insert(position(list, &one), one);
        }
        return;
    }
    let positions: Vec<usize> = with.iter().map(|one| position(list, one)).collect();
    let mut at = positions[0];
    let mut rest = list.split_off(at).into_iter();
    list.reserve(rest.len() + with.len());
    for (one, position) in with.into_iter().zip(positions) {
        list.extend(rest.by_ref().take(position - at));
        list.push(one);
        at = position;
    }
    list.extend(rest);
}

fn remove<T: Sorted>(world: &World, list: &mut Vec<T>, users: &UserSet, slots: &[Slot]) {
    if list.is_empty() {
        return;
    }
    // Searching takes about so many steps for each.
    if users.len() * slots.len() * 16 > list.len() {
        list.retain(|one| one.user().is_none_or(|user| !users.contains(user)) || !slots.contains(&one.slot()));
        return;
    }
    let mut gone = Vec::new();
    for user in users.iter() {
        let name = Some(world.users.key(user));
        for slot in slots {
            let start = list.partition_point(|one| compare(world, one, *slot, name).is_lt());
            let same = list[start..].iter().take_while(|one| one.slot() == *slot && one.user() == Some(user));
            gone.extend(start..start + same.count());
        }
    }
    match gone[..] {
        [] => {}
        [one] => drop(list.remove(one)),
        _ => {
            gone.sort_unstable();
            let (mut at, mut gone) = (0, gone.into_iter().peekable());
            list.retain(|_| {
                let stays = gone.next_if_eq(&at).is_none();
                at += 1;
                stays
            });
        }
    }
}

fn compare<T: Sorted>(world: &World, one: &T, slot: Slot, name: Option<&str>) -> Ordering {
    one.slot().cmp(&slot).then_with(|| one.user().map(|user| world.users.key(user)).cmp(&name))
}
