//! Where events that matter go before 200 is answered: a seam, implemented over Postgres in `store`.

use std::{borrow::Cow, error::Error};

/// One event that matters, borrowed from the body of its transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEvent<'a> {
    /// Non-empty, at most 255 bytes, without NUL; the key for de-duplication.
    pub event_id: Cow<'a, str>,
    /// Non-empty, at most 255 bytes, without NUL.
    pub room_id: Cow<'a, str>,
    /// At most 255 bytes, without NUL.
    pub event_type: Cow<'a, str>,
    /// The whole event as it was sent: valid JSON text. Strings in it may hold what `jsonb` refuses (`\u0000`, lone
    /// surrogates, numbers and nesting of any size), so store it as `text` or `json`, or one event stops all.
    pub raw: &'a str,
}

/// Makes events durable.
pub trait InboxWriter: Send + Sync + 'static {
    /// Appends all or none, in order, in one statement. An event id seen before, in this call or earlier, is skipped
    /// without an error. Returning `Ok` promises that they survive a crash.
    fn append(&self, events: &[InboxEvent<'_>]) -> impl Future<Output = Result<(), InboxError>> + Send;

    /// Whether it is known which events matter. Until then nothing may be answered 200: a room that was followed since is heard
    /// only once the database was asked.
    fn is_open(&self) -> bool;
}

/// The inbox could not take the events. All of them will be sent again.
#[derive(Debug, thiserror::Error)]
#[error("append to the inbox")]
pub struct InboxError(#[source] Box<dyn Error + Send + Sync>);

impl InboxError {
    /// Wraps what went wrong.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}
