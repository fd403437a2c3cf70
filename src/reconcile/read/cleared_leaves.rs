//! Cleared leaves: leaves by choice that are respected no longer. A reading and a push tell who left; that the leave is
//! cleared is only in the database.

use std::collections::HashMap;

use anyhow::{Context, Result};
use provisioner_policy::{ClearedLeave, Plan, World};

use crate::store::{ClearedLeaveRow, InboxRow, Store};

type ByEvent = HashMap<String, Vec<ClearedLeaveRow>>;

/// Every cleared leave, by the event of the leave. Read once; later ones are made here, by the one replica that reconciles,
/// or asked for as a rejoin.
#[derive(Debug, Default)]
pub(crate) struct ClearedLeaves(Option<ByEvent>);

impl ClearedLeaves {
    /// Somebody may have asked for a rejoin: all are read again.
    pub(crate) async fn read_again(&mut self, store: &Store, world: &mut World) -> Result<()> {
        self.0 = None;
        self.apply(store, world).await
    }

    /// After a reading of rooms.
    pub(crate) async fn apply(&mut self, store: &Store, world: &mut World) -> Result<()> {
        apply(world, self.known(store).await?.values().flatten());
        Ok(())
    }

    /// The push of a leave may come after somebody asked for the leave to be cleared.
    pub(crate) async fn apply_to(&mut self, store: &Store, world: &mut World, rows: &[InboxRow]) -> Result<()> {
        let known = self.known(store).await?;
        apply(world, rows.iter().filter_map(|row| known.get(&row.event_id)).flatten());
        Ok(())
    }

    /// Records the leaves that `plan` clears, of those that `may` be cleared by now.
    pub(crate) async fn record(
        &mut self,
        store: &Store,
        world: &mut World,
        plan: &Plan,
        may: impl Fn(&ClearedLeave) -> bool,
    ) -> Result<()> {
        for leave in plan.cleared_leaves.iter().filter(|leave| may(leave)) {
            let room_id = world.policy.rooms[leave.room.index()].id.clone();
            let user_id = world.users.mxid(leave.user);
            let row = ClearedLeaveRow { room_id, user_id, event_id: leave.event_id.to_string() };
            store.clear_leave(&row).await.context("record a pardon")?;
            world.clear_leave(leave.room, leave.user, &leave.event_id);
            add(self.0.get_or_insert_default(), row);
        }
        Ok(())
    }

    async fn known(&mut self, store: &Store) -> Result<&ByEvent> {
        if self.0.is_none() {
            let mut known = ByEvent::default();
            store.cleared_leaves().await.context("read the pardons")?.into_iter().for_each(|one| add(&mut known, one));
            self.0 = Some(known);
        }
        Ok(self.0.get_or_insert_default())
    }
}

fn add(known: &mut ByEvent, leave: ClearedLeaveRow) {
    known.entry(leave.event_id.clone()).or_default().push(leave);
}

fn apply<'a>(world: &mut World, leaves: impl Iterator<Item = &'a ClearedLeaveRow>) {
    for leave in leaves {
        let room = world.room_by_id(&leave.room_id);
        if let (Some(room), Some(user)) = (room, world.users.get(&leave.user_id)) {
            world.clear_leave(room, user, &leave.event_id);
        }
    }
}
