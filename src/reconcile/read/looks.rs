//! Looks: one question for each thing that a push left unclear, and when it is asked.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt, stream};
use provisioner_policy::{RoomIx, StateEntry, UserIx};

use crate::homeserver::{CallError, Homeserver, SeenEvent};
use crate::reconcile::pushes::doubts::PushedMember;
use crate::reconcile::read::rations::Rations;
use crate::reconcile::read::rooms::read_state;
use crate::reconcile::read::state_sender::KnownState;
use crate::reconcile::room_mirror::is_read;

const AT_ONCE: usize = 8;

/// What is asked for later than at once.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    pub(crate) rations: Rations,
    /// Rooms in which something was redacted that the bot cannot see, and when all their state is looked at for it. They
    /// stay as they are until then: somebody who redacts at will must not switch their enforcement off.
    pub(crate) unseen: HashMap<RoomIx, Instant>,
}

/// A room and what is asked about it.
pub(crate) struct Questions {
    pub(crate) room: RoomIx,
    pub(crate) id: String,
    pub(crate) known: KnownState,
    pub(crate) members: Vec<(UserIx, String, PushedMember)>,
    pub(crate) states: BTreeSet<String>,
    pub(crate) redacted: BTreeSet<String>,
}

/// What Synapse said.
#[derive(Default)]
pub(crate) struct Answers {
    /// The word of each membership, or `None` where there is none.
    pub(crate) members: Vec<(UserIx, PushedMember, Option<String>)>,
    pub(crate) states: Vec<(String, Option<StateEntry>)>,
    /// Something was redacted that cannot be seen.
    pub(crate) unseen: bool,
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

/// Asks about a room.
pub(crate) async fn ask(homeserver: &Homeserver, asked: Questions) -> Result<Answers, CallError> {
    let Questions { id, known, members, mut states, redacted, .. } = asked;
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
