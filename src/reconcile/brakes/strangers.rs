//! Strangers as the database keeps them, so that a restart does not take their places for rightful ones.

use std::collections::HashSet;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use provisioner_policy::{Bucket, Class, Mode, UserIx, World};

use crate::store::{Store, StrangerRow};

/// Which places the database has.
#[derive(Debug, Default)]
pub(crate) struct StoredStrangers {
    /// Not read yet where `None`.
    stored: Option<HashSet<(Bucket, UserIx)>>,
    revision: u64,
    /// Since when this process judges. Of what happened before it is not known who was entitled to it then.
    since: Option<DateTime<Utc>>,
}

impl StoredStrangers {
    /// Takes over once what an earlier process noted. Of a class that observes by now it is forgotten at the next
    /// [`StoredStrangers::keep`]: what is there when it is enforced again counts as rightful.
    pub(crate) async fn read(&mut self, store: &Store, world: &mut World) -> Result<()> {
        if self.stored.is_some() {
            return Ok(());
        }
        self.since = Some(store.now().await.context("read the database's clock")?);
        let stored = self.stored.insert(HashSet::new());
        for row in store.strangers().await.context("read who is a stranger")? {
            let Ok(class) = row.class.parse::<Class>() else { continue };
            let room = (!row.room_id.is_empty()).then(|| world.room_by_id(&row.room_id));
            // A room that is not managed now may be again.
            if room == Some(None) {
                continue;
            }
            let place = ((class, room.flatten()), world.intern(&row.user_id));
            stored.insert(place);
            if class.mode(&world.policy.modes) == Mode::Enforce {
                world.remember_stranger(place.0, place.1);
            }
        }
        // Whatever was read differs from what is known, if only by what observes now.
        self.revision = u64::MAX;
        Ok(())
    }

    /// Whether something happened since this process judges.
    pub(crate) fn judges(&self, at: DateTime<Utc>) -> bool {
        self.since.is_some_and(|since| since <= at)
    }

    /// Writes what changed since the last time.
    pub(crate) async fn keep(&mut self, store: &Store, world: &World) -> Result<()> {
        let Some(stored) = self.stored.as_mut().filter(|_| self.revision != world.strangers.revision) else {
            return Ok(());
        };
        let now: HashSet<(Bucket, UserIx)> = world.strangers.iter().collect();
        let row = |((class, room), user): &(Bucket, UserIx)| StrangerRow {
            class: class.key().to_owned(),
            room_id: room.map_or_else(String::new, |room| world.policy.rooms[room.index()].id.clone()),
            user_id: world.users.mxid(*user),
        };
        let (new, over): (Vec<_>, Vec<_>) =
            (now.difference(stored).map(row).collect(), stored.difference(&now).map(row).collect());
        if !new.is_empty() {
            store.note_strangers(&new).await.context("note strangers")?;
        }
        if !over.is_empty() {
            store.forget_strangers(&over).await.context("forget strangers")?;
        }
        *stored = now;
        self.revision = world.strangers.revision;
        Ok(())
    }
}
