//! Strangers noted, as pushes and readings tell of them.

use anyhow::{Context, Result};
use chrono::{TimeDelta, Utc};
use provisioner_policy::Class;

use crate::reconcile::pushes::foreign::Place;
use crate::reconcile::reconciler::Reconciler;

/// A reading finds somebody whenever they came: so old may be a join of ours of which no answer and no push has told.
const FOUND_AGAIN: TimeDelta = TimeDelta::days(7);

impl Reconciler {
    /// Notes who got a place by another hand. The event of a join that we make is sent by the person joined, so it is told
    /// by the ledger; and so it is told that somebody who was put out and let in again had a place that is held.
    pub(crate) async fn note_strangers(&mut self) -> Result<()> {
        let mut places = std::mem::take(&mut self.pushes.places);
        let mut found = self.world.take_found();
        if places.is_empty() && found.is_empty() {
            return Ok(());
        }
        // Users that the readings of the start found may have been there before it.
        found.retain(|_| self.strangers.is_read());
        self.strangers.read(&self.store, &mut self.world).await?;
        places.retain(|place| self.strangers.judges(place.at));
        let now = Utc::now();
        places.extend(found.into_iter().map(|(room, user)| {
            let bucket = (Class::Removals, Some(room));
            Place { bucket, user, at: now, ours_since: now - FOUND_AGAIN }
        }));
        let mut is_new = |place: &Place| {
            let before = self.world.strangers.revision;
            self.world.note_stranger(place.bucket, place.user);
            self.world.strangers.revision != before
        };
        places.retain(&mut is_new);
        if places.is_empty() {
            return Ok(());
        }
        for Place { bucket: (class, room), user, ours_since, .. } in places {
            let Some(room) = room.filter(|_| class == Class::Removals) else { continue };
            let (mxid, room_key) = (self.world.users.mxid(user), room.key(&self.world));
            if self.store.was_rightful(&mxid, room_key, ours_since).await.context("look for who joined somebody")? {
                self.world.forget_stranger((class, Some(room)), user);
            }
        }
        self.strangers.keep(&self.store, &self.world).await
    }
}
