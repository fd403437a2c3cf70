//! Strangers as the database keeps them, so that a restart does not take their places for rightful ones.

use std::collections::HashSet;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use provisioner_policy::{Bucket, Class, Mode, RoomIx, UserIx, World};

use crate::store::{Store, StrangerRow};

/// Somebody, and where they are a stranger.
type Noted = (Bucket, UserIx);

/// Which places the database has.
#[derive(Debug, Default)]
pub(crate) struct StoredStrangers {
    /// Not read yet where `None`.
    stored: Option<HashSet<Noted>>,
    revision: u64,
    /// Since when this process judges. Of what happened before it is not known who was entitled to it then.
    since: Option<DateTime<Utc>>,
}

/// How the database differs from what is known.
struct Changed {
    now: HashSet<Noted>,
    new: Vec<StrangerRow>,
    over: Vec<StrangerRow>,
}

impl StoredStrangers {
    /// Takes over once what an earlier process noted. Of a class that observes by now it is forgotten at the next
    /// [`StoredStrangers::keep`]: what is there when it is enforced again counts as rightful.
    pub(crate) async fn read(&mut self, store: &Store, world: &mut World) -> Result<()> {
        if self.is_read() {
            return Ok(());
        }
        let since = store.now().await.context("read the database's clock")?;
        let rows = store.strangers().await.context("read who is a stranger")?;
        self.take_over(&rows, since, world);
        Ok(())
    }

    fn take_over(&mut self, rows: &[StrangerRow], since: DateTime<Utc>, world: &mut World) {
        self.since = Some(since);
        let stored = self.stored.insert(HashSet::new());
        for row in rows {
            let Some(bucket) = bucket(row, world) else { continue };
            let user = world.intern(&row.user_id);
            stored.insert((bucket, user));
            if bucket.0.mode(&world.policy.modes) == Mode::Enforce {
                world.remember_stranger(bucket, user);
            }
        }
        // Whatever was read differs from what is known, if only by what observes now.
        self.revision = u64::MAX;
    }

    /// Whether this process judges by now.
    pub(crate) fn is_read(&self) -> bool {
        self.stored.is_some()
    }

    /// Whether something happened since this process judges.
    pub(crate) fn judges(&self, at: DateTime<Utc>) -> bool {
        self.since.is_some_and(|since| since <= at)
    }

    /// Writes what changed since the last time.
    pub(crate) async fn keep(&mut self, store: &Store, world: &World) -> Result<()> {
        let Some(Changed { now, new, over }) = self.changed(world) else { return Ok(()) };
        if !new.is_empty() {
            store.note_strangers(&new).await.context("note strangers")?;
        }
        if !over.is_empty() {
            store.forget_strangers(&over).await.context("forget strangers")?;
        }
        self.stored = Some(now);
        self.revision = world.strangers.revision;
        Ok(())
    }

    /// What the database does not know yet, once it was read.
    fn changed(&self, world: &World) -> Option<Changed> {
        let stored = self.stored.as_ref().filter(|_| self.revision != world.strangers.revision)?;
        let now: HashSet<Noted> = world.strangers.iter().collect();
        let new = now.difference(stored).map(|place| row(place, world)).collect();
        let over = stored.difference(&now).map(|place| row(place, world)).collect();
        Some(Changed { now, new, over })
    }
}

/// Where it is, unless it is of a class that there is no more, or of a room that is not managed now and may be again.
fn bucket(row: &StrangerRow, world: &World) -> Option<Bucket> {
    let class = row.class.parse::<Class>().ok()?;
    if row.room_id.is_empty() {
        return Some((class, None));
    }
    let is_it = |room: &RoomIx| world.policy.rooms[room.index()].first_id() == row.room_id;
    world.rooms().find(is_it).map(|room| (class, Some(room)))
}

fn row(((class, room), user): &Noted, world: &World) -> StrangerRow {
    StrangerRow {
        class: class.key().to_owned(),
        room_id: room.map_or_else(String::new, |room| world.policy.rooms[room.index()].first_id().to_owned()),
        user_id: world.users.mxid(*user),
    }
}

#[cfg(test)]
mod tests;
