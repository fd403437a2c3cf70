//! Pasts: whether somebody who was invited, removed or banned by others had left by choice before. A reading tells what they are
//! now and by whose event, and not what was before; the event names the one that it replaced.
//!
//! Asked only for people who belong in the room and would be joined, once for each event: what an event replaced never
//! changes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use provisioner_policy::{Because, Plan, RoomIx, UserIx, World};
use tokio::time::timeout_at;
use tracing::debug;

use crate::homeserver::{CallError, Homeserver};

/// How far back is looked: somebody who was invited and taken back as often has not come back by themselves for long.
const LONGEST: usize = 20;
const AT_ONCE: usize = 8;
/// Events asked about at once, and how long the answers are waited for: no room waits longer for the pasts of another.
const MOST: usize = 64;
const ANSWERED: Duration = Duration::from_secs(5);
/// Events remembered; it takes as many people who were invited by others to need more.
const REMEMBERED: usize = 10_000;
/// When an unreachable Synapse is asked again.
const AGAIN: Duration = Duration::from_secs(10);

/// What was read of pasts: by event, the leave by choice before it, if there was one.
#[derive(Debug, Default)]
pub(crate) struct Pasts {
    known: HashMap<String, Option<String>>,
    again: Option<Instant>,
}

impl Pasts {
    /// When Synapse is asked again, where it could not be.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.again
    }
}

impl Pasts {
    /// Reads the pasts that keep people from being joined in `plan`. False where nothing came of it.
    pub(crate) async fn settle(&mut self, homeserver: &Homeserver, world: &mut World, plan: &Plan) -> bool {
        let now = Instant::now();
        if self.again.is_some_and(|again| again > now) {
            return false;
        }
        self.again = None;
        if !world.rooms().any(|room| world.room(room).has_unread_pasts()) {
            return false;
        }
        let unread: Vec<(RoomIx, UserIx, String)> = plan
            .blocked
            .iter()
            .filter(|one| one.because == Because::PastUnread)
            .filter_map(|one| Some((one.room?, one.user, world.room(one.room?).unread_past(one.user)?.to_owned())))
            .collect();
        if self.known.len() > REMEMBERED {
            self.known.clear();
        }
        let (known, names) = (&self.known, &*world);
        let asked = unread.iter().filter(|(.., event_id)| !known.contains_key(event_id));
        let asked = asked.map(|(room, user, event_id)| async move {
            let (room, user) = (&names.policy.rooms[room.index()].id, names.users.mxid(*user));
            (event_id.clone(), leave_before(homeserver, room, &user, event_id).await)
        });
        let answers: Vec<_> = {
            let until = Instant::now() + ANSWERED;
            let mut answers = std::pin::pin!(stream::iter(asked).take(MOST).buffered(AT_ONCE));
            let mut read = Vec::new();
            loop {
                match timeout_at(until.into(), answers.next()).await {
                    Ok(Some(answer)) => read.push(answer),
                    Ok(None) => break read,
                    Err(_) => {
                        self.again = Some(now + AGAIN);
                        break read;
                    }
                }
            }
        };
        for (event_id, answer) in answers {
            match answer {
                Ok(leave) => drop(self.known.insert(event_id, leave)),
                Err(error) if error.is_transport() => self.again = Some(now + AGAIN),
                // What Synapse does not tell, such as what was before the bot could see the room, keeps nobody out.
                Err(error) => {
                    debug!(event.id = event_id, "what was before a membership cannot be read: {error}");
                    self.known.insert(event_id, None);
                }
            }
        }
        let mut settled = false;
        for (room, user, event_id) in unread {
            if let Some(leave) = self.known.get(&event_id) {
                world.settle_past(room, user, leave.as_deref());
                settled = true;
            }
        }
        settled
    }
}

/// The leave by choice of `user` that stands behind `event_id`: behind what others did to them, and nothing else.
async fn leave_before(
    homeserver: &Homeserver,
    room: &str,
    user: &str,
    event_id: &str,
) -> Result<Option<String>, CallError> {
    let mut next = Some(event_id.to_owned());
    for _ in 0..LONGEST {
        let Some(event_id) = next else { break };
        let Some(event) = homeserver.membership_event(room, &event_id).await? else { break };
        let by_the_user = event.sender == user;
        match event.membership.as_str() {
            "leave" if by_the_user => return Ok(Some(event_id)),
            "join" | "knock" => break,
            // Whatever was before, this service took an entitlement for lost.
            "leave" if event.sender == homeserver.user_id() => break,
            _ => next = event.replaces,
        }
    }
    Ok(None)
}
