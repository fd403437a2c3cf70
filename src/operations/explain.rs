//! `explain`: why a user is, or is not, in each room.

use anyhow::{Context, Result};
use provisioner_policy::{Explanation, Plan, World};

use crate::store::{JoinedAt, Store};

/// What the world says of a user; `None` where no row, no account and no room has them.
pub fn explain(world: &World, plan: &Plan, mxid: &str) -> Option<Explanation> {
    let user = world.users.get(mxid).filter(|user| world.is_known(*user))?;
    Some(world.explain(user, plan))
}

/// For each room of an explanation: when the service itself joined the user, if they are in it and it did.
pub async fn joined_by_us(store: &Store, explanation: &Explanation) -> Result<Vec<Option<JoinedAt>>> {
    let mut joined = Vec::with_capacity(explanation.rooms.len());
    for room in &explanation.rooms {
        joined.push(match room.observed {
            "join" => store.last_joined(&explanation.user, &room.room).await.context("read the ledger")?,
            _ => None,
        });
    }
    Ok(joined)
}
