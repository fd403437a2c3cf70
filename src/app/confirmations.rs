//! Joins the queue's confirmations to the account store and the pool: the intake knows neither.

use std::time::Duration;

use crate::accounts::{Confirmed, Confirmer};
use crate::causes::told;
use crate::intake::queue::{ConfirmOutcome, Confirmation, Confirmations, MessageRef};
use crate::store::{AccountSource, SeenIn};

/// Longer than the pool and the database together need; who waits longer leaves the message for redelivery.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(20);

impl Confirmations for Confirmer {
    async fn confirm(&self, confirmation: &Confirmation, message: &MessageRef) -> ConfirmOutcome {
        let seen_in = SeenIn { message_id: Some(&message.message_id), ..SeenIn::default() };
        let confirmed = Self::confirm(self, &confirmation.subject, AccountSource::Queue, seen_in);
        match tokio::time::timeout(CONFIRM_TIMEOUT, confirmed).await {
            Ok(Ok(Confirmed::Recorded)) => ConfirmOutcome::Recorded,
            Ok(Ok(Confirmed::Absent)) => ConfirmOutcome::Absent,
            Ok(Ok(Confirmed::Impossible(reason))) => ConfirmOutcome::Refused(reason),
            Ok(Err(error)) => ConfirmOutcome::Trouble(told(error.as_ref())),
            Err(elapsed) => ConfirmOutcome::Trouble(elapsed.to_string()),
        }
    }

    async fn refuse(&self, message: &MessageRef, reason: &str) -> Result<(), String> {
        let refused = self.store.refuse_message(&message.message_id, reason);
        match tokio::time::timeout(CONFIRM_TIMEOUT, refused).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(elapsed) => Err(elapsed.to_string()),
        }
    }
}
