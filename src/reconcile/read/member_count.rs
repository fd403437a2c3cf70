//! After writes, a cheap count of each room: pushes are lost when Synapse restarts, and the first request after it is the
//! first chance to notice.

use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use provisioner_policy::{RoomStatus, World};
use tokio::time::timeout;
use tracing::info;

use crate::homeserver::Homeserver;
use crate::reconcile::read::rooms::ROOMS_AT_ONCE;
use crate::reconcile::room_mirror::distrust;

/// Synapse counts members in the background, a moment after a join.
const SETTLE: Duration = Duration::from_secs(1);

/// Counts that differ at first are given this long before the room is read again.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// A count that takes longer is no cheap look.
const ANSWERED: Duration = Duration::from_secs(5);

/// When to count next, and whether a difference was seen already.
#[derive(Debug, Default)]
pub(crate) struct MemberCount {
    due: Option<Instant>,
    second: bool,
}

impl MemberCount {
    /// Something was written: count soon. A count that is due already is put off, so that a long pass counts at its end.
    pub(crate) fn after_writes(&mut self, now: Instant) {
        *self = Self { due: Some(now + SETTLE), second: false };
    }

    /// When the next count is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Compares what Synapse counts with the mirror. A difference that stays makes the room be read again, once: a count
    /// that is wrong for good must not make us read for ever. Returns whether Synapse left a question unanswered; what it
    /// does not count in time is left to the resync.
    pub(crate) async fn look(&mut self, homeserver: &Homeserver, world: &mut World) -> bool {
        let second = std::mem::take(&mut self.second);
        self.due = None;
        let rooms: Vec<_> = world.rooms().filter(|room| world.room(*room).status == RoomStatus::Ready).collect();
        let ids: Vec<String> = rooms.iter().map(|room| world.policy.rooms[room.index()].id.clone()).collect();
        let asked = ids.iter().map(|id| timeout(ANSWERED, homeserver.room_summary(id)));
        let answers: Vec<_> = stream::iter(asked).buffered(ROOMS_AT_ONCE).collect().await;
        let mut unanswered = false;
        for (room, answer) in rooms.into_iter().zip(answers) {
            let counted = match answer {
                Ok(Ok(summary)) => summary.joined_members,
                Ok(Err(error)) => {
                    unanswered |= error.is_transport();
                    distrust(world, room);
                    continue;
                }
                Err(_) => {
                    unanswered = true;
                    continue;
                }
            };
            let joined = u64::from(world.room(room).joined());
            if counted.is_none_or(|counted| counted == joined) {
                continue;
            }
            if second {
                info!(room.key = room.key(world), joined, counted, "the mirror missed something");
                distrust(world, room);
            } else {
                *self = Self { due: Some(Instant::now() + SECOND_LOOK), second: true };
            }
        }
        unanswered
    }
}
