//! Joins the listener's inbox to the store's: the intake knows no database, and the store no HTTP.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::intake::appservice::{InboxError, InboxEvent, InboxWriter};
use crate::store::Store;

/// A statement that takes longer is answered to Synapse as a failure, and Synapse sends the transaction again.
const APPEND_TIMEOUT: Duration = Duration::from_secs(10);

/// The inbox as the listener sees it. Until the database is there, every transaction that matters is refused at once, and
/// Synapse sends it again.
#[derive(Clone, Debug, Default)]
pub struct Inbox(Arc<OnceLock<Store>>);

impl Inbox {
    /// The database is there.
    pub fn open(&self, store: Store) {
        // Only the composition root opens it, once.
        let _ = self.0.set(store);
    }
}

impl InboxWriter for Inbox {
    fn is_open(&self) -> bool {
        self.0.get().is_some()
    }

    async fn append(&self, events: &[InboxEvent<'_>]) -> Result<(), InboxError> {
        fn column<'a>(events: &[InboxEvent<'a>], of: impl Fn(&InboxEvent<'a>) -> String) -> Vec<String> {
            events.iter().map(of).collect()
        }
        let event_ids = column(events, |event| event.event_id.to_string());
        let room_ids = column(events, |event| event.room_id.to_string());
        let types = column(events, |event| event.event_type.to_string());
        let raw = column(events, |event| event.raw.to_owned());
        let store = self.0.get().ok_or_else(|| InboxError::new("the database is not connected yet"))?;
        let appended = store.append_inbox(&event_ids, &room_ids, &types, &raw);
        match tokio::time::timeout(APPEND_TIMEOUT, appended).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(InboxError::new(error)),
            Err(elapsed) => Err(InboxError::new(elapsed)),
        }
    }
}
