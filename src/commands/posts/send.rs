//! Sends events to the Staff room, each once.
//!
//! Synapse keeps the transaction ids of an application service in memory only, for half an hour: after a restart of Synapse
//! the same request makes a second event. So each event of ours carries its transaction id, and where it may be there
//! already it is looked for before it is sent.

use std::time::Duration;

use serde_json::{Value, json};
use tracing::warn;

use crate::commands::posts::message;
use crate::commands::room::desk::{Desk, RETRY};
use crate::commands::text::reply::Reply;
use crate::delays::Doubling;
use crate::homeserver::CallError;
use crate::store::HeldPostState;

/// What Synapse, or a proxy before it, cannot take now. Nobody waits for an hour because a proxy says so.
const DELAYS: Doubling = Doubling { first: RETRY, longest: Duration::from_secs(60) };

/// Failures in a row of a Synapse that answers, after which an answer is given up: some ten minutes.
const FAILURES: u32 = 14;

/// For how long what is not taken is sent again. Where a limit is the reason, or that this process may not lead, it is in any
/// case: that is about no single room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// Not at all.
    Never,
    /// For as long as Synapse does not answer. Where it fails, the caller looks again later.
    UntilAnswered,
    /// For some minutes where it fails, too: nobody looks again.
    Minutes,
}

/// How often in a row what is sent has failed, each kind by itself: a Synapse that comes back may fail at first.
#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    limited: u32,
    failed: u32,
}

/// The key of an event's content that holds its transaction id.
const MARK: &str = "io.phenom.provisioner.transaction";

/// An event to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutgoingEvent<'a> {
    pub(crate) room_id: &'a str,
    pub(crate) kind: &'a str,
    /// The same for the same event, whenever it is sent.
    pub(crate) transaction_id: &'a str,
    pub(crate) content: &'a Value,
    /// It may have been sent before, and the response was lost.
    pub(crate) perhaps_sent: bool,
}

/// The replacement of a message by another, to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutgoingEdit<'a> {
    pub(crate) room_id: &'a str,
    /// What is replaced.
    pub(crate) event_id: &'a str,
    pub(crate) transaction_id: &'a str,
    pub(crate) reply: &'a Reply,
    pub(crate) perhaps_sent: bool,
    /// What it tells of a post about a held plan. In another state of the post it would be wrong, and is given up.
    pub(crate) tells: Option<HeldPostState>,
}

impl Desk {
    /// Sends an event, and tries again for as long as Synapse does not answer or asks for patience. An event that is there already
    /// is not sent again.
    pub(crate) async fn send(&self, event: OutgoingEvent<'_>) -> Result<String, CallError> {
        self.send_with(event, Patience::UntilAnswered, None).await
    }

    /// The same for an answer, which nobody looks at again: it is tried for some minutes where Synapse fails.
    pub(crate) async fn send_answer(&self, event: OutgoingEvent<'_>) -> Result<String, CallError> {
        self.send_with(event, Patience::Minutes, None).await
    }

    /// `tells` is the post that the event edits, and the state that it tells of.
    async fn send_with(
        &self,
        event: OutgoingEvent<'_>,
        patience: Patience,
        tells: Option<(&str, HeldPostState)>,
    ) -> Result<String, CallError> {
        let content = marked(event.content, event.transaction_id);
        let mut event = OutgoingEvent { content: &content, ..event };
        let mut tries = Tries::default();
        loop {
            let error = match self.send_unless_there(event).await {
                Err(error) => error,
                sent => return sent,
            };
            let Some(delay) = tries.delay(&error, patience) else { return Err(error) };
            event.perhaps_sent |= error.is_transport();
            tokio::time::sleep(delay).await;
            // It would hide what the post says by now.
            if let Some((event_id, told)) = tells
                && self.is_overtaken(event_id, told).await
            {
                return Err(error);
            }
        }
    }

    /// Whether a post is in another state by now than the one that an edit of it tells of. While nobody can say, it is not.
    async fn is_overtaken(&self, event_id: &str, told: HeldPostState) -> bool {
        matches!(self.store.held_post(event_id).await, Ok(Some(post)) if post.state != told)
    }

    async fn send_unless_there(&self, event: OutgoingEvent<'_>) -> Result<String, CallError> {
        let OutgoingEvent { room_id, kind, transaction_id, content, perhaps_sent } = event;
        let is_it = |content: &Value| content[MARK] == transaction_id;
        if perhaps_sent && let Some(event_id) = self.homeserver.own_event(room_id, kind, is_it).await? {
            return Ok(event_id);
        }
        // A request still in flight while we look is deduplicated by Synapse itself: it has not restarted since.
        self.homeserver.send_message_event(room_id, kind, transaction_id, message::raw(content)).await
    }

    /// Replaces a message by another. Where Synapse fails it is not tried again: the caller looks again later.
    pub(crate) async fn edit(&self, edit: OutgoingEdit<'_>) -> Result<(), CallError> {
        self.edit_with(edit, Patience::UntilAnswered).await
    }

    /// The same for the last edit of a message, which nobody looks at again: it is tried for as long as an answer.
    pub(crate) async fn edit_last(&self, edit: OutgoingEdit<'_>) -> Result<(), CallError> {
        self.edit_with(edit, Patience::Minutes).await
    }

    /// An edit that is not taken is told of in the log here.
    async fn edit_with(&self, edit: OutgoingEdit<'_>, patience: Patience) -> Result<(), CallError> {
        let OutgoingEdit { room_id, event_id, transaction_id, reply, perhaps_sent, tells } = edit;
        // A room that was left, and may be broken, keeps nothing from the new one.
        let patience = if room_id == self.staff.room_id { patience } else { Patience::Never };
        let content = &message::edit(event_id, &self.render(reply).await);
        let event = OutgoingEvent { room_id, kind: "m.room.message", transaction_id, content, perhaps_sent };
        let sent = self.send_with(event, patience, tells.map(|state| (event_id, state))).await;
        if let Err(error) = &sent {
            warn!(event.id = event_id, "a message in the Staff room cannot be edited: {error}");
        }
        sent.map(drop)
    }
}

impl Tries {
    /// How long to wait before what failed is sent again; nothing where that would not help, or patience is at its end.
    fn delay(&mut self, error: &CallError, patience: Patience) -> Option<Duration> {
        let Self { limited, failed } = std::mem::take(self);
        match error {
            CallError::RateLimited { retry_after } => {
                self.limited = limited.saturating_add(1);
                Some(retry_after.unwrap_or(DELAYS.after(limited)).clamp(RETRY, DELAYS.longest))
            }
            // Another process leads, and this one ends; or Postgres was slow to say that this one still does.
            CallError::NotLeading => Some(RETRY),
            _ if patience == Patience::Never => None,
            error if error.is_transport() => Some(RETRY),
            CallError::ServerError { .. } if patience == Patience::Minutes && failed < FAILURES => {
                self.failed = failed + 1;
                Some(DELAYS.after(failed))
            }
            _ => None,
        }
    }
}

fn marked(content: &Value, transaction_id: &str) -> Value {
    let mut content = content.clone();
    content[MARK] = json!(transaction_id);
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_bounded_and_what_synapse_refuses_is_not_sent_again() {
        let limited = |retry_after| CallError::RateLimited { retry_after };
        let failed = || CallError::ServerError { status: 500, message: String::new() };
        let mut tries = Tries::default();
        let mut seconds = |error: &CallError| tries.delay(error, Patience::Minutes).map(|delay| delay.as_secs());
        assert_eq!(seconds(&limited(Some(Duration::from_secs(86_400)))), Some(60));
        assert_eq!(seconds(&limited(Some(Duration::ZERO))), Some(2));
        assert_eq!([(); 8].map(|()| seconds(&limited(None))).last(), Some(&Some(60)));
        // A Synapse that comes back may fail at first.
        assert_eq!(seconds(&failed()), Some(2));
        assert_eq!(seconds(&CallError::TimedOut { after: Duration::ZERO }), Some(2));
        assert_eq!([(); 15].map(|()| seconds(&failed()))[12..], [Some(60), Some(60), None]);
        assert_eq!(seconds(&CallError::NotLeading), Some(2));
        assert_eq!(seconds(&CallError::BotNotInRoom), None);
        let delay = |error: &CallError, patience| Tries::default().delay(error, patience);
        assert_eq!(delay(&failed(), Patience::UntilAnswered), None, "what is looked at again is not waited for");
        let silent = CallError::TimedOut { after: Duration::ZERO };
        assert_eq!(delay(&silent, Patience::UntilAnswered), Some(RETRY));
        for error in [failed(), silent] {
            assert_eq!(delay(&error, Patience::Never), None, "in a room that was left");
        }
        assert_eq!(delay(&limited(None), Patience::Never), Some(RETRY));
    }
}
