//! Returns: who was removed and came back by themselves. A removal is never given up and never waits; at the third return
//! within an hour the policy may ban. What was removed lately is in the ledger, so a restart does not begin the count anew.
//!
//! Who was brought back by us, because a source named them again, has not come back by themselves: their count begins anew.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use provisioner_policy::{Change, Entitlement, Membership, RoomIx, UserIx, World};

use crate::reconcile::brakes::reverter;
use crate::store::{RemovedMember, Store};

/// Removed so often within [`WINDOW`], somebody who is there again has come back for the third time.
const REMOVALS: usize = 3;
const WINDOW: Duration = Duration::from_secs(3600);

/// Somebody in a room.
type RoomUser = (RoomIx, UserIx);

/// When members were removed, and when invitations by others were taken back.
#[derive(Debug, Default)]
pub(crate) struct Returns {
    removed: HashMap<RoomUser, VecDeque<Instant>>,
    taken_back: HashMap<RoomUser, VecDeque<Instant>>,
    /// Who lets in those of both who come again and again, where anybody does.
    inviters: HashMap<RoomUser, Option<String>>,
    /// It is still to be looked up who lets them in.
    unnamed: HashSet<RoomUser>,
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
        for RemovedMember { room_id, user_id, seconds_ago, was_joined } in lines {
            let Some(room) = world.room_by_id(&room_id) else { continue };
            let Some(at) = now.checked_sub(Duration::from_secs_f64(seconds_ago.max(0.0))) else { continue };
            let user = world.intern(&user_id);
            self.note(world, (room, user), was_joined, at);
        }
        Ok(())
    }

    /// A change was done.
    pub(crate) fn done(&mut self, world: &mut World, change: &Change, now: Instant) {
        match *change {
            Change::Remove { room, user, before, .. } => {
                self.note(world, (room, user), before == Membership::Join, now);
            }
            Change::Join { room, user, .. } => {
                self.taken_back.remove(&(room, user));
                self.inviters.remove(&(room, user));
                if self.removed.remove(&(room, user)).is_some() {
                    world.set_returner(room, user, false);
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, world: &mut World, place: RoomUser, was_joined: bool, at: Instant) {
        let times = if was_joined { &mut self.removed } else { &mut self.taken_back };
        let times = times.entry(place).or_default();
        times.push_back(at);
        if times.len() >= REMOVALS {
            self.unnamed.insert(place);
            if was_joined {
                world.set_returner(place.0, place.1, true);
            }
        }
    }

    /// Looks up who lets in those who come again and again.
    pub(crate) async fn name_inviters(&mut self, store: &Store, world: &World) -> Result<()> {
        for place in std::mem::take(&mut self.unnamed) {
            let inviter = reverter::inviter(store, world, place, WINDOW).await?;
            self.inviters.insert(place, inviter);
        }
        Ok(())
    }

    /// Who lets somebody in; nothing where they come by themselves.
    pub(crate) fn inviter(&self, place: RoomUser) -> Option<&str> {
        self.inviters.get(&place)?.as_deref()
    }

    /// Whose invitations are taken back again and again.
    pub(crate) fn invited_again(&self) -> impl Iterator<Item = RoomUser> + '_ {
        let often = self.taken_back.iter().filter(|(_, times)| times.len() >= REMOVALS);
        often.map(|(place, _)| *place)
    }

    /// Forgets what is longer ago than the window.
    pub(crate) fn end(&mut self, world: &mut World, now: Instant) {
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < WINDOW;
        self.removed.retain(|&(room, user), times| {
            times.retain(is_recent);
            // Named again by a source: a user who comes in then belongs there, and it does not matter who lets them in.
            if matches!(world.entitlement(room, user), Entitlement::By(_)) {
                times.clear();
            }
            if times.len() < REMOVALS {
                world.set_returner(room, user, false);
            }
            !times.is_empty()
        });
        self.taken_back.retain(|_, times| {
            times.retain(is_recent);
            !times.is_empty()
        });
        let (removed, taken_back) = (&self.removed, &self.taken_back);
        self.inviters.retain(|place, _| removed.contains_key(place) || taken_back.contains_key(place));
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
        assert_eq!(returns.invited_again().count(), 0);
        returns.done(&mut world, &taken_back, start);
        assert_eq!(returns.invited_again().collect::<Vec<_>>(), [(room, user)]);
        returns.done(&mut world, &left, start + Duration::from_secs(60));
        assert!(is_returner(&world));
        returns.end(&mut world, start + WINDOW);
        assert!(!is_returner(&world), "the first two are an hour ago");
        assert_eq!(returns.invited_again().count(), 0);
        (0..2).for_each(|_| returns.done(&mut world, &left, start + WINDOW));
        assert!(is_returner(&world));
        returns.done(&mut world, &Change::Join { room, user, before: Membership::Removed }, start + WINDOW);
        assert!(!is_returner(&world), "we joined them");
    }
}
