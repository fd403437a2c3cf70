//! A pushed event, read leniently.

use serde::Deserialize;
use serde_json::value::RawValue;

/// What the mirror needs of an event. Everything else in it is skipped unread, however strange.
#[derive(Deserialize)]
pub(crate) struct PushedEvent<'a> {
    pub(crate) sender: String,
    #[serde(default)]
    pub(crate) state_key: Option<String>,
    #[serde(borrow)]
    pub(crate) content: &'a RawValue,
    #[serde(default, borrow)]
    pub(crate) unsigned: Unsigned<'a>,
}

/// What Synapse adds as it sends.
#[derive(Default, Deserialize)]
pub(crate) struct Unsigned<'a> {
    /// Milliseconds since the event, by Synapse's clock.
    #[serde(default)]
    pub(crate) age: Option<i64>,
    /// What a state event replaced.
    #[serde(default, borrow)]
    pub(crate) prev_content: Option<&'a RawValue>,
    /// Its event; the content is left out where Synapse repeats a transaction.
    #[serde(default)]
    pub(crate) replaces_state: Option<String>,
}
