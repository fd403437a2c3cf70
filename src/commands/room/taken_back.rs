//! What somebody took back before it was begun was not said: a ✅ that slipped, or a command whose message they deleted.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::commands::room::desk::Desk;
use crate::commands::room::dispatch::TOO_OLD;
use crate::commands::room::handle::DeskTask;

/// A command is not run that is older than `TOO_OLD`, and whatever took it back came after it.
const LATELY: Duration = Duration::from_secs(TOO_OLD as u64 + 60);

impl Desk {
    /// Whether its sender has taken back what they said. What is pushed goes to the database at once, handled or not.
    pub(crate) async fn is_taken_back(&self, task: &DeskTask) -> Result<bool> {
        let DeskTask { room_id, event_id, sender, .. } = task;
        let redactions = self.store.redactions_lately(room_id, event_id, sender, LATELY.as_secs_f64()).await;
        let redactions = redactions.context("look whether a command was taken back")?;
        Ok(redactions.iter().any(|event| takes_back(event, task)))
    }
}

/// Somebody else's redaction is not theirs: nobody takes back the `pause` of another.
fn takes_back(redaction: &str, DeskTask { event_id, sender, .. }: &DeskTask) -> bool {
    let redaction: Value = serde_json::from_str(redaction).unwrap_or_default();
    // Before version 11 of rooms, and since.
    let named = redaction["redacts"].as_str().or_else(|| redaction["content"]["redacts"].as_str());
    redaction["sender"] == **sender && named == Some(event_id)
}
