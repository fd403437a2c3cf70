//! Pasts: whether somebody who was invited, removed or banned by others had left by choice before. A reading tells what they are
//! now and by whose event, and not what was before; the event names the one that it replaced.
//!
//! Asked only for people who belong in the room and would be joined, once for each event: what an event replaced never
//! changes.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use provisioner_policy::{Because, Plan, RoomIx, UserIx, World};
use tokio::time::timeout_at;
use tracing::warn;

use crate::homeserver::{CallError, Homeserver};

/// How far back is looked. What is further back may be a leave by choice, and counts as one: others can do to somebody as much as this.
const LONGEST: usize = 20;
const AT_ONCE: usize = 8;
/// Events asked about at once, and how long the answers are waited for: no room waits longer for the pasts of another.
const MOST: usize = 64;
const ANSWERED: Duration = Duration::from_secs(5);
/// Events remembered; it takes as many people who were invited by others to need more.
const REMEMBERED: usize = 10_000;
/// When an unreachable Synapse is asked again.
const AGAIN: Duration = Duration::from_secs(10);

/// What stands behind what others did to somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// A leave by choice, by its event.
    Left(String),
    /// They were there, asked to be, or lost their entitlement.
    Other,
    /// Nothing: the room knows nothing of them before, or tells it to nobody who looks back so far.
    Beginning,
}

/// What was read of pasts, by event.
#[derive(Debug, Default)]
pub(crate) struct Pasts {
    known: HashMap<String, Past>,
    /// Events that could not be read so far: the others are asked for first, and each is told of once.
    failed: HashSet<String>,
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
        let mut unread: Vec<(RoomIx, UserIx, String)> = plan
            .blocked
            .iter()
            .filter(|one| one.because == Because::PastUnread)
            .filter_map(|one| Some((one.room?, one.user, world.room(one.room?).unread_past(one.user)?.to_owned())))
            .collect();
        unread.sort_by_key(|(.., event_id)| self.failed.contains(event_id));
        if self.known.len() + self.failed.len() > REMEMBERED {
            self.known.clear();
            self.failed.clear();
        }
        let (known, names) = (&self.known, &*world);
        let asked = unread.iter().filter(|(.., event_id)| !known.contains_key(event_id));
        let asked = asked.map(|(room, user, event_id)| async move {
            let (room, user) = (&names.policy.rooms[room.index()].id, names.users.mxid(*user));
            (event_id.clone(), past(homeserver, room, &user, event_id).await)
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
                Ok(past) => drop(self.known.insert(event_id, past)),
                // Only Synapse's own word that there is none says that there was none.
                Err(error) => {
                    if self.failed.insert(event_id.clone()) {
                        warn!(
                            event.id = event_id,
                            "somebody waits to be joined until it can be read what was before: {error}"
                        );
                    }
                    self.again = Some(now + AGAIN);
                }
            }
        }
        let mut settled = false;
        for (room, user, event_id) in unread {
            match self.known.get(&event_id) {
                Some(Past::Left(leave)) => world.settle_past(room, user, Some(leave)),
                Some(Past::Other) => world.settle_past(room, user, None),
                Some(Past::Beginning) => world.settle_past_from_the_beginning(room, user),
                None => continue,
            }
            settled = true;
        }
        settled
    }
}

/// What stands behind `event_id`: behind what others did to `user`, and nothing else.
pub(crate) async fn past(homeserver: &Homeserver, room: &str, user: &str, event_id: &str) -> Result<Past, CallError> {
    let mut next = Some(event_id.to_owned());
    for _ in 0..LONGEST {
        let Some(event_id) = next else { return Ok(Past::Beginning) };
        // What was before the bot could see the room keeps nobody out.
        let Some(event) = homeserver.membership_event(room, &event_id).await? else { return Ok(Past::Beginning) };
        let by_the_user = event.sender == user;
        match event.membership.as_str() {
            "leave" if by_the_user => return Ok(Past::Left(event_id)),
            "join" | "knock" => return Ok(Past::Other),
            // Whatever was before, this service took an entitlement for lost.
            "leave" if event.sender == homeserver.user_id() => return Ok(Past::Other),
            _ => next = event.replaces,
        }
    }
    Ok(next.map_or(Past::Beginning, Past::Left))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::homeserver::Timeouts;

    /// Somebody left; then a moderator invited them again and again.
    async fn invited(times: usize) -> Past {
        let server = MockServer::start().await;
        for number in 0..=times {
            let (sender, membership) = if number == 0 { ("@u:a", "leave") } else { ("@moderator:a", "invite") };
            let event = json!({
                "type": "m.room.member", "state_key": "@u:a", "sender": sender, "event_id": format!("${number}"),
                "content": { "membership": membership },
                "unsigned": { "replaces_state": number.checked_sub(1).map(|before| format!("${before}")) },
            });
            Mock::given(path(format!("/_matrix/client/v3/rooms/!r:a/event/${number}")))
                .respond_with(ResponseTemplate::new(200).set_body_json(event))
                .mount(&server)
                .await;
        }
        let homeserver = Homeserver::connect(&server.uri(), "@bot:a", "token", Timeouts::default()).await.unwrap();
        past(&homeserver, "!r:a", "@u:a", &format!("${times}")).await.unwrap()
    }

    #[tokio::test]
    async fn whatever_others_do_makes_no_leave_by_choice_forgotten() {
        assert_eq!(invited(3).await, Past::Left("$0".to_owned()));
        assert!(matches!(invited(LONGEST + 5).await, Past::Left(_)));
    }
}
