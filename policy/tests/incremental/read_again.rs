//! A room that is read again.

use proptest::collection::btree_map;
use proptest::prelude::*;
use provisioner_policy::*;
use serde_json::Value;

use crate::happen::event;
use crate::values::*;
use crate::{USERS, mxid};

/// What a reading has of what was known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Like {
    Nothing,
    All,
    /// All, but that everybody who left did so by this event, or by one that is not told.
    AllWithLeaves(Option<&'static str>),
}

/// A room as it is read again.
#[derive(Clone, Debug)]
pub(crate) struct ReadAgain {
    pub(crate) room: usize,
    pub(crate) version: &'static str,
    pub(crate) like: Like,
    /// Who has another membership than that.
    pub(crate) members: Vec<(u8, Membership, Option<&'static str>)>,
    pub(crate) levels: Option<Value>,
}

pub(crate) fn a_reading() -> impl Strategy<Value = ReadAgain> {
    let members = btree_map(0..USERS, (membership(), voluntary_leave()), 0..8);
    let like = prop_oneof![
        1 => Just(Like::Nothing),
        2 => Just(Like::All),
        3 => voluntary_leave().prop_map(Like::AllWithLeaves),
    ];
    let version = prop_oneof![Just("10"), Just("12")];
    let levels = proptest::option::weighted(0.3, levels());
    (0..4usize, version, like, members, levels).prop_map(|(room, version, like, members, levels)| {
        let members = members.into_iter().map(|(user, (membership, left_by))| (user, membership, left_by)).collect();
        ReadAgain { room, version, like, members, levels }
    })
}

pub(crate) fn read_again(world: &mut World, room: RoomIx, reading: ReadAgain) {
    let ReadAgain { room: _, version, like, members, levels } = reading;
    let mut fresh = RoomMirror::of_version(version.into());
    let members: Vec<_> =
        members.into_iter().map(|(user, is, left_by)| (world.intern(&mxid(user)), is, left_by)).collect();
    if !matches!(like, Like::Nothing) {
        let known = world.room(room);
        let others = known.members().filter(|(user, _)| members.iter().all(|(another, ..)| another != user));
        others.for_each(|(user, membership)| {
            let left_by = match like {
                Like::AllWithLeaves(left_by) => left_by,
                _ => known.voluntary_leave(user).map(|voluntary_leave| &*voluntary_leave.event_id),
            };
            fresh.take_membership(user, membership, left_by);
        });
        let states: Vec<(String, StateEntry)> =
            known.states().map(|(kind, event)| (kind.to_owned(), event.clone())).collect();
        states.into_iter().for_each(|(kind, event)| world.take_state(&mut fresh, &kind, event));
    }
    for (user, membership, left_by) in members {
        fresh.take_membership(user, membership, left_by);
    }
    if let Some(content) = levels {
        world.take_state(&mut fresh, POWER_LEVELS, event(content));
    }
    fresh.status = RoomStatus::Ready;
    world.set_room(room, fresh);
}
