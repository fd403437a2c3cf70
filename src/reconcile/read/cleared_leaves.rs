//! Leaves by choice that are respected no longer. A reading and a push tell who left; that it is pardoned is only in the
//! database.

use std::collections::HashMap;

use anyhow::{Context, Result};
use provisioner_policy::World;

use crate::reconcile::reconciler::Reconciler;
use crate::store::{ClearedLeaveRow, InboxRow};

/// Every pardon, by the event that is pardoned.
#[derive(Debug, Default)]
pub(crate) struct ClearedLeaves(HashMap<String, Vec<ClearedLeaveRow>>);

impl ClearedLeaves {
    pub(crate) fn add(&mut self, pardon: ClearedLeaveRow) {
        self.0.entry(pardon.event_id.clone()).or_default().push(pardon);
    }

    fn all(&self) -> impl Iterator<Item = &ClearedLeaveRow> {
        self.0.values().flatten()
    }

    fn of<'a>(&'a self, rows: &'a [InboxRow]) -> impl Iterator<Item = &'a ClearedLeaveRow> {
        rows.iter().filter_map(|row| self.0.get(&row.event_id)).flatten()
    }
}

fn apply<'a>(world: &mut World, pardons: impl Iterator<Item = &'a ClearedLeaveRow>) {
    for pardon in pardons {
        let room = world.room_by_id(&pardon.room_id);
        if let (Some(room), Some(user)) = (room, world.users.get(&pardon.user_id)) {
            world.clear_leave(room, user, &pardon.event_id);
        }
    }
}

impl Reconciler {
    /// Somebody may have asked for a rejoin.
    pub async fn read_cleared_leaves(&mut self) -> Result<()> {
        self.cleared_leaves = None;
        self.apply_cleared_leaves().await
    }

    /// After a reading of rooms.
    pub(crate) async fn apply_cleared_leaves(&mut self) -> Result<()> {
        self.know_cleared_leaves().await?;
        apply(&mut self.world, self.cleared_leaves.iter().flat_map(ClearedLeaves::all));
        Ok(())
    }

    /// A leave may be heard of after somebody asked for it to be forgotten.
    pub(crate) async fn apply_cleared_leaves_to(&mut self, rows: &[InboxRow]) -> Result<()> {
        self.know_cleared_leaves().await?;
        apply(&mut self.world, self.cleared_leaves.iter().flat_map(|pardons| pardons.of(rows)));
        Ok(())
    }

    async fn know_cleared_leaves(&mut self) -> Result<()> {
        if self.cleared_leaves.is_none() {
            let mut pardons = ClearedLeaves::default();
            self.store.cleared_leaves().await.context("read the pardons")?.into_iter().for_each(|one| pardons.add(one));
            self.cleared_leaves = Some(pardons);
        }
        Ok(())
    }
}
