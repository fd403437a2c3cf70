//! Returns: who was removed and came back by themselves. A removal is never given up and never waits; at the third return
//! within an hour the policy may ban. What was removed lately is in the ledger, so a restart does not begin the count anew.
//!
//! Who was brought back by us, because a source named them again, has not come back by themselves: their count begins anew.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use provisioner_policy::{Change, Membership, RoomIx, UserIx, World};

use crate::store::{RemovedMember, Store};

/// Removed so often within [`WINDOW`], somebody who is there again has come back for the third time.
const REMOVALS: usize = 3;
const WINDOW: Duration = Duration::from_secs(3600);

/// When members were removed, by room and user.
#[derive(Debug, Default)]
pub(crate) struct Returns {
    removed: HashMap<(RoomIx, UserIx), VecDeque<Instant>>,
    is_read: bool,
}

impl Returns {
    /// Learns once what earlier processes did.
    pub(crate) async fn read(&mut self, store: &Store, world: &mut World, now: Instant) -> Result<()> {
        if self.is_read {
            return Ok(());
        }
        let lines = store.removed_members(WINDOW.as_secs_f64()).await.context("read who was removed lately")?;
        self.is_read = true;
        for RemovedMember { room_id, user_id, seconds_ago } in lines {
            let Some(room) = world.room_by_id(&room_id) else { continue };
            let Some(at) = now.checked_sub(Duration::from_secs_f64(seconds_ago.max(0.0))) else { continue };
            let user = world.intern(&user_id);
            self.note(world, room, user, at);
        }
        Ok(())
    }

    /// A change was done.
    pub(crate) fn done(&mut self, world: &mut World, change: &Change, now: Instant) {
        match *change {
            Change::Remove { room, user, before: Membership::Join, .. } => self.note(world, room, user, now),
            Change::Join { room, user, .. } if self.removed.remove(&(room, user)).is_some() => {
                world.set_returner(room, user, false);
            }
            _ => {}
        }
    }

    fn note(&mut self, world: &mut World, room: RoomIx, user: UserIx, at: Instant) {
        let times = self.removed.entry((room, user)).or_default();
        times.push_back(at);
        if times.len() >= REMOVALS {
            world.set_returner(room, user, true);
        }
    }

    /// Forgets what is longer ago than the window.
    pub(crate) fn end(&mut self, world: &mut World, now: Instant) {
        self.removed.retain(|&(room, user), times| {
            times.retain(|at| now.saturating_duration_since(*at) < WINDOW);
            if times.len() < REMOVALS {
                world.set_returner(room, user, false);
            }
            !times.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::pushes::tests::world;

    #[test]
    fn the_third_return_within_an_hour_counts_and_being_brought_back_is_none() {
        let ((mut world, room), start) = (world(), Instant::now());
        let user = world.intern("@u:a");
        let remove = |before| Change::Remove { room, user, before, ban: false };
        let (left, taken_back) = (remove(Membership::Join), remove(Membership::Invite));
        let mut returns = Returns::default();
        let is_returner = |world: &World| world.returners.contains(&(room, user));
        for _ in 0..2 {
            returns.done(&mut world, &left, start);
            returns.done(&mut world, &taken_back, start);
        }
        assert!(!is_returner(&world), "two returns at the most");
        returns.done(&mut world, &left, start + Duration::from_secs(60));
        assert!(is_returner(&world));
        returns.end(&mut world, start + WINDOW);
        assert!(!is_returner(&world), "the first two are an hour ago");
        (0..2).for_each(|_| returns.done(&mut world, &left, start + WINDOW));
        assert!(is_returner(&world));
        returns.done(&mut world, &Change::Join { room, user, before: Membership::Removed }, start + WINDOW);
        assert!(!is_returner(&world), "we joined them");
    }
}
