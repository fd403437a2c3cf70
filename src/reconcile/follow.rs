//! Rooms that are followed: what the database remembers of them becomes part of the policy.

use anyhow::{Context, Result};
use provisioner_policy::Followed;
use tracing::info;

use super::reconciler::Reconciler;
use crate::store::Follow;

/// What the database remembers, as the policy takes it.
pub fn followed(rows: Vec<Follow>) -> Vec<Followed> {
    let one = |row: Follow| Followed {
        configured: row.configured_id,
        id: row.followed_id,
        by: row.followed_by,
        at: row.followed_at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        voluntary_leaves: serde_json::from_value(row.departures).unwrap_or_default(),
    };
    rows.into_iter().map(one).collect()
}

impl Reconciler {
    /// Moves rooms to the successors that somebody has named; they are read before the next plan.
    pub async fn read_follows(&mut self) -> Result<()> {
        let follows = self.store.follows().await.context("read which rooms are followed")?;
        for room in self.world.follow(followed(follows)) {
            let id = &self.world.policy.rooms[room.index()].id;
            info!(room.key = room.key(&self.world), room.id = id, "the room is followed");
        }
        Ok(())
    }
}
