//! Sends events to the Staff room, each once.
//!
//! Synapse keeps the transaction ids of an application service in memory only, for half an hour: after a restart of Synapse
//! the same request makes a second event. So each event of ours carries its transaction id, and where it may be there
//! already it is looked for before it is sent.

use serde_json::{Value, json};
use tracing::warn;

use crate::commands::posts::message;
use crate::commands::room::desk::{Desk, RETRY};
use crate::commands::text::reply::Reply;
use crate::homeserver::CallError;

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

impl Desk {
    /// Sends an event, and tries again for as long as Synapse does not answer. An event that is there already is not sent again.
    pub(crate) async fn send(&self, event: OutgoingEvent<'_>) -> Result<String, CallError> {
        let content = marked(event.content, event.transaction_id);
        let mut event = OutgoingEvent { content: &content, ..event };
        loop {
            match self.send_unless_there(event).await {
                Err(error) if error.is_transport() || error.retry_after().is_some() => {
                    event.perhaps_sent |= error.is_transport();
                    tokio::time::sleep(error.retry_after().unwrap_or_default().max(RETRY)).await;
                }
                ended => return ended,
            }
        }
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

    /// Replaces a message by another, and says whether Synapse took that.
    pub(crate) async fn edit(&self, room_id: &str, event_id: &str, transaction_id: &str, reply: &Reply) -> bool {
        let content = &message::edit(event_id, &reply.render());
        let event = OutgoingEvent { room_id, kind: "m.room.message", transaction_id, content, perhaps_sent: false };
        let sent = self.send(event).await;
        if let Err(error) = &sent {
            warn!(event.id = event_id, "a message in the Staff room cannot be edited: {error}");
        }
        sent.is_ok()
    }
}

fn marked(content: &Value, transaction_id: &str) -> Value {
    let mut content = content.clone();
    content[MARK] = json!(transaction_id);
    content
}
