//! Upgrades: whether the room that a tombstone names says that it replaces this one. Anybody who may send a tombstone could switch
//! a room's policy off by it otherwise.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use provisioner_policy::{RoomIx, World};

use crate::homeserver::{Homeserver, within};

/// Nothing else waits longer for it.
const ANSWERED: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_secs(10);

/// What was asked since the last resync, and when what was not answered is asked again.
#[derive(Debug, Default)]
pub(crate) struct Upgrades {
    asked: HashMap<RoomIx, (String, Option<Instant>)>,
}

impl Upgrades {
    /// Asks anew: a successor may be known by now.
    pub(crate) fn forget(&mut self) {
        self.asked.clear();
    }

    /// When something is asked again.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.asked.values().filter_map(|(_, again)| *again).min()
    }

    /// Asks about the tombstones that were not asked about. Answers whether Synapse left a question unanswered.
    pub(crate) async fn look(&mut self, homeserver: &Homeserver, world: &mut World) -> bool {
        let now = Instant::now();
        let mut unanswered = false;
        for room in world.rooms() {
            let named = world.room(room).named_successor().filter(|named| !named.is_empty()).map(str::to_owned);
            let Some(named) = named else {
                self.asked.remove(&room);
                continue;
            };
            let known = self.asked.get(&room).filter(|(of, _)| *of == named);
            if known.is_some_and(|(_, again)| again.is_none_or(|again| again > now)) {
                continue;
            }
            let id = world.policy.rooms[room.index()].id.clone();
            // A tombstone alone is only somebody's word.
            let again = match within(ANSWERED, homeserver.origin(&named)).await {
                Ok(origin) => {
                    let made_by = origin.filter(|origin| origin.replaces == id).map(|origin| origin.made_by);
                    world.set_upgrade(room, &named, made_by.as_deref());
                    None
                }
                Err(error) => {
                    unanswered |= error.is_transport();
                    Some(now + AGAIN)
                }
            };
            self.asked.insert(room, (named, again));
        }
        unanswered
    }
}
