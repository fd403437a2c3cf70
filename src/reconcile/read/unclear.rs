//! What pushes left unclear, settled: what Synapse says is taken over. A room is read whole only where that does not settle it,
//! and then no more often than its ration.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::join_all;
use provisioner_policy::{Membership, RoomIx, RoomStatus};
use tracing::debug;

use crate::homeserver::within;
use crate::reconcile::pushes::doubts::RoomDoubts;
use crate::reconcile::pushes::take_member;
use crate::reconcile::read::looks::{Answers, Questions, ask};
use crate::reconcile::read::state_sender::KnownState;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::room_mirror::{distrust, read_types};

/// More questions about a room than this cost more than to read it.
const MOST: usize = 64;
/// No other room waits longer for the answers about one.
const ANSWERED: Duration = Duration::from_secs(5);

impl Reconciler {
    /// Settles what pushes left unclear.
    pub(crate) async fn settle_doubts(&mut self) -> Result<()> {
        let now = Instant::now();
        for room in std::mem::take(&mut self.pushes.unread) {
            self.readings.retries.put_off(room, self.looks.rations.take(room, now));
        }
        let mut doubts = std::mem::take(&mut self.pushes.doubts);
        for (room, _) in self.looks.unseen.extract_if(|_, due| *due <= now) {
            let settings = &self.world.policy.rooms[room.index()].settings;
            doubts.entry(room).or_default().states.extend(read_types(settings).map(str::to_owned));
        }
        let asked: Vec<Questions> = doubts.into_iter().filter_map(|(room, doubts)| self.asked(room, doubts)).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let homeserver = &self.homeserver;
        let answers = join_all(asked.into_iter().map(|asked| async move {
            let room = asked.room;
            (room, within(ANSWERED, ask(homeserver, asked)).await)
        }));
        for (room, answers) in answers.await {
            match answers {
                Ok(answers) => self.take_answers(room, answers, now),
                Err(error) => {
                    debug!(room.key = room.key(&self.world), "the room is read whole: {error}");
                    self.in_doubt |= error.is_transport();
                    self.read_for_event(room);
                }
            }
        }
        // A leave that was taken over may be one that was cleared.
        self.cleared_leaves.apply(&self.store, &mut self.world).await
    }

    fn asked(&mut self, room: RoomIx, doubts: RoomDoubts) -> Option<Questions> {
        if self.world.room(room).status != RoomStatus::Ready {
            return None;
        }
        if doubts.len() > MOST {
            self.read_for_event(room);
            return None;
        }
        let named = |(user, pushed)| (user, self.world.users.mxid(user), pushed);
        Some(Questions {
            room,
            id: self.world.policy.rooms[room.index()].id.clone(),
            known: KnownState::of(&self.world, room),
            members: doubts.members.into_iter().map(named).collect(),
            states: doubts.states,
            redacted: doubts.redacted,
        })
    }

    fn take_answers(&mut self, room: RoomIx, answers: Answers, now: Instant) {
        for (event_type, event) in answers.states {
            self.pushes.own_state.read_type(room, &event_type);
            match event {
                Some(event) if self.world.room(room).state(&event_type) != Some(&event) => {
                    self.world.set_state(room, &event_type, event);
                }
                None if self.world.room(room).state(&event_type).is_some() => self.read_for_event(room),
                _ => {}
            }
        }
        for (user, pushed, says) in answers.members {
            let mirrored = self.world.room(room).membership(user).as_str();
            match says.as_deref() {
                Some(says) if says == pushed.membership.as_str() => take_member(&mut self.world, room, user, &pushed),
                Some("join") => self.world.set_member(room, user, Membership::Join, None),
                // State resolution dropped it, and nothing is pushed for that.
                None => self.world.set_member(room, user, Membership::None, None),
                // By another event, which the mirror has.
                Some(says) if says == mirrored => {}
                Some(_) => self.read_for_event(room),
            }
        }
        if answers.unseen && !self.looks.unseen.contains_key(&room) {
            let at = self.looks.rations.take(room, now);
            self.looks.unseen.insert(room, at);
        }
    }

    fn read_for_event(&mut self, room: RoomIx) {
        if self.world.room(room).status == RoomStatus::Ready {
            distrust(&mut self.world, room);
            self.readings.retries.put_off(room, self.looks.rations.take(room, Instant::now()));
        }
    }
}
