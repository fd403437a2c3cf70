//! Whether the Staff room is end-to-end encrypted: the bot has no keys, and then reads nothing of what is said there.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tracing::warn;

use crate::commands::room::desk::Desk;
use crate::reconcile::{Condition, StatusSnapshot};

/// The alert's key.
pub(crate) const KEY: &str = "staff room encrypted";

/// What is known of it. Encryption once switched on stays on.
#[derive(Debug, Default)]
pub(crate) struct Encryption {
    is_on: Option<bool>,
    /// The resync after which the room was asked.
    asked: Option<DateTime<Utc>>,
}

impl Encryption {
    /// What lasts, for the alerts.
    pub(crate) fn condition(&self) -> Option<Condition> {
        self.is_on?.then(|| Condition {
            key: KEY.to_owned(),
            text: "this room is end-to-end encrypted, and I cannot read what is said in it. Encryption stays, also after an \
                   upgrade: make a new room without it, write its id into the configuration, run `phenom-provisioner \
                   bootstrap` and restart the service"
                .to_owned(),
            patience: Duration::ZERO,
        })
    }

    /// Whether Synapse has not said yet.
    pub(crate) fn is_unknown(&self) -> bool {
        self.is_on.is_none()
    }
}

impl Desk {
    /// Asks Synapse once after each resync, until it is on.
    pub(crate) async fn keep_encryption(&self, snapshot: &StatusSnapshot, known: &mut Encryption) {
        let is_asked = known.asked.is_some() && known.asked == snapshot.last_resync;
        if known.is_on == Some(true) || is_asked || snapshot.last_resync.is_none() {
            return;
        }
        match self.homeserver.state_content(&self.staff.room_id, "m.room.encryption", "").await {
            Ok(content) => *known = Encryption { is_on: Some(content.is_some()), asked: snapshot.last_resync },
            Err(error) => warn!("whether the Staff room is encrypted cannot be asked: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encryption_that_is_on_is_told_of() {
        let condition = |is_on| Encryption { is_on, asked: None }.condition();
        assert_eq!((condition(None), condition(Some(false))), (None, None));
        assert!(condition(Some(true)).unwrap().text.contains("a new room without it"));
    }
}
