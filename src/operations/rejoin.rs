//! `rejoin`: a user who left a room by choice is joined again, because they or an administrator asked, and if they belong
//! there.

use anyhow::{Context, Result};
use provisioner_policy::{Entitlement, Membership, World};
use thiserror::Error;

use crate::store::{ClearedLeaveRow, Store};

/// Why a user is not joined again: what stands between the user and the room in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotRejoined {
    #[error("there is no such room")]
    NoSuchRoom,
    #[error("is already in")]
    AlreadyIn,
    #[error("does not belong in")]
    DoesNotBelong,
    #[error("has not left by choice the room")]
    NeverLeft,
}

/// The leave by choice that keeps a user who belongs in the room out of it.
pub fn rejoinable(world: &World, mxid: &str, room_key: &str) -> Result<ClearedLeaveRow, NotRejoined> {
    let room = world.room_by_key(room_key).ok_or(NotRejoined::NoSuchRoom)?;
    let user = world.users.get(mxid).ok_or(NotRejoined::DoesNotBelong)?;
    if world.room(room).membership(user) == Membership::Join {
        return Err(NotRejoined::AlreadyIn);
    }
    if !matches!(world.entitlement(room, user), Entitlement::By(_)) {
        return Err(NotRejoined::DoesNotBelong);
    }
    let left = world.room(room).voluntary_leave(user).ok_or(NotRejoined::NeverLeft)?;
    let room_id = world.policy.rooms[room.index()].id.clone();
    Ok(ClearedLeaveRow { room_id, user_id: mxid.to_owned(), event_id: left.event_id.to_string() })
}

/// Clears the leave; the next pass joins the user.
pub async fn rejoin(store: &Store, leave: &ClearedLeaveRow, room_key: &str, by: &str) -> Result<()> {
    store.ask_rejoin(leave, room_key, by).await.context("record that they are to be joined again")
}
