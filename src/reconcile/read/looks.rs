//! Looks: one question for each thing that a push left unclear. What Synapse says is taken over; the room is read whole only
//! where that does not settle it, and then no more often than its ration.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use provisioner_policy::{Membership, RoomIx, RoomStatus, StateEntry, UserIx};
use tokio::time::timeout;
use tracing::debug;

use crate::homeserver::{CallError, Homeserver, SeenEvent};
use crate::reconcile::pushes::doubts::{PushedMember, RoomDoubts};
use crate::reconcile::pushes::take_member;
use crate::reconcile::read::rations::Rations;
use crate::reconcile::read::rooms::read_state;
use crate::reconcile::read::state_sender::KnownState;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::room_mirror::{distrust, is_read, read_types};

/// More questions about a room than this cost more than to read it.
const MOST: usize = 64;
const AT_ONCE: usize = 8;
/// No other room waits longer for the answers about one.
const ANSWERED: Duration = Duration::from_secs(5);

/// What is asked for later than at once.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    rations: Rations,
    /// Rooms in which something was redacted that the bot cannot see, and when all their state is looked at for it. They
    /// stay as they are until then: whoever redacts at will must not switch their enforcement off.
    unseen: HashMap<RoomIx, Instant>,
}

/// A room and what is asked about it.
struct Asked {
    room: RoomIx,
    id: String,
    known: KnownState,
    members: Vec<(UserIx, String, PushedMember)>,
    states: BTreeSet<String>,
    redacted: BTreeSet<String>,
}

#[derive(Default)]
struct Answers {
    /// The word of each membership, or `None` where there is none.
    members: Vec<(UserIx, PushedMember, Option<String>)>,
    states: Vec<(String, Option<StateEntry>)>,
    /// Something was redacted that cannot be seen.
    unseen: bool,
}

impl Looks {
    /// When the next one is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.unseen.values().min().copied()
    }

    /// All rooms are read again.
    pub(crate) fn forget(&mut self) {
        self.unseen.clear();
    }
}

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
        let asked: Vec<Asked> = doubts.into_iter().filter_map(|(room, doubts)| self.asked(room, doubts)).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let homeserver = &self.homeserver;
        let answers = join_all(asked.into_iter().map(|asked| async move {
            let room = asked.room;
            let answers = timeout(ANSWERED, ask(homeserver, asked)).await;
            (room, answers.unwrap_or(Err(CallError::TimedOut { after: ANSWERED })))
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

    fn asked(&mut self, room: RoomIx, doubts: RoomDoubts) -> Option<Asked> {
        if self.world.room(room).status != RoomStatus::Ready {
            return None;
        }
        if doubts.len() > MOST {
            self.read_for_event(room);
            return None;
        }
        let named = |(user, pushed)| (user, self.world.users.mxid(user), pushed);
        Some(Asked {
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

async fn ask(homeserver: &Homeserver, asked: Asked) -> Result<Answers, CallError> {
    let Asked { id, known, members, mut states, redacted, .. } = asked;
    let (id, known) = (&*id, &known);
    let mut unseen = false;
    let events = redacted.into_iter().map(|event| async move { homeserver.seen_event(id, &event).await });
    for seen in stream::iter(events).buffered(AT_ONCE).try_collect::<Vec<_>>().await? {
        match seen {
            // What a membership event says of the membership is never redacted.
            SeenEvent::State { kind, key } if key.is_empty() && is_read(&known.settings, &kind) => {
                states.insert(kind);
            }
            SeenEvent::State { .. } | SeenEvent::Message => {}
            SeenEvent::Unseen => unseen = true,
        }
    }
    let states = states.into_iter().map(|kind| async move {
        let event = read_state(homeserver, id, known, kind.clone()).await?;
        Ok::<_, CallError>((kind, event.map(|(_, event)| event)))
    });
    let states = stream::iter(states).buffered(AT_ONCE).try_collect();
    let members = members.into_iter().map(|(user, mxid, pushed)| async move {
        Ok::<_, CallError>((user, pushed, homeserver.membership(id, &mxid).await?))
    });
    let members = stream::iter(members).buffered(AT_ONCE).try_collect();
    let (states, members) = tokio::try_join!(states, members)?;
    Ok(Answers { members, states, unseen })
}
