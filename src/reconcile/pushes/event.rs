//! A pushed event, read leniently.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::objects::{object, only};

/// What the mirror needs of an event. Everything else in it is skipped unread, however strange.
#[derive(Deserialize)]
pub(crate) struct PushedEvent<'a> {
    pub(crate) sender: String,
    #[serde(default)]
    pub(crate) state_key: Option<String>,
    #[serde(borrow)]
    pub(crate) content: &'a RawValue,
    /// Of a redaction, in rooms before version 11; later ones have it in their content.
    #[serde(default)]
    redacts: Option<String>,
    #[serde(default, borrow, deserialize_with = "only")]
    pub(crate) unsigned: Unsigned<'a>,
}

#[derive(Deserialize)]
struct Redaction {
    redacts: String,
}

impl PushedEvent<'_> {
    /// Which event it redacts.
    pub(crate) fn redacted_event(&self) -> Option<String> {
        let content = || object(self.content).map(|Redaction { redacts }| redacts);
        self.redacts.clone().or_else(content)
    }

    /// How many milliseconds old it was when it came, by the clock of `server`; nothing where another server said it.
    pub(crate) fn age(&self, server: &str) -> Option<i64> {
        let is_local = self.sender.split_once(':').is_some_and(|(_, its)| its == server);
        self.unsigned.age.filter(|_| is_local)
    }
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
    /// Who had sent that.
    #[serde(default, borrow)]
    pub(crate) prev_sender: Option<&'a RawValue>,
    /// Its event; the content is left out where Synapse repeats a transaction.
    #[serde(default)]
    pub(crate) replaces_state: Option<String>,
}

#[cfg(test)]
mod tests;
