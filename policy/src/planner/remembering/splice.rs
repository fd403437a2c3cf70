//! A list kept in the order of a plan while single users' entries come and go.

use std::cmp::Ordering;
use std::ops::Range;

use crate::plan::Kind;
use crate::planner::order::{Slot, Sorted, sort};
use crate::policy::RoomIx;
use crate::user_set::UserSet;
use crate::world::World;

/// Up to so many entries are inserted one by one; for more the list is rebuilt.
const FEW: usize = 4;

/// The range of the entries of these kinds.
pub(super) fn range<T: Sorted>(list: &[T], room: Option<RoomIx>, first: Kind, last: Kind) -> Range<usize> {
    let start = list.partition_point(|one| one.slot() < (room, first));
    let end = list.partition_point(|one| one.slot() <= (room, last));
    start..end
}

/// Replaces all entries of these kinds.
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

/// Replaces all entries of these users at these slots.
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
