//! Joins the queue's confirmations to the account store and the pool: the intake knows neither. Both bound what they are asked, and
//! say which of them did not answer and what to do.

use anyhow::Context;

use crate::accounts::{Confirmed, Confirmer};
use crate::causes::told;
use crate::intake::queue::{ConfirmOutcome, Confirmation, Confirmations, MessageRef};
use crate::store::{AccountSource, SeenIn};

/// Said of a message that can never succeed.
const NOT_REFUSED: &str =
    "the database of database.url does not take that a message is refused; start it, or mend database.url";

impl Confirmations for Confirmer {
    async fn confirm(&self, confirmation: &Confirmation, message: &MessageRef) -> ConfirmOutcome {
        let seen_in = SeenIn { message_id: Some(&message.message_id), ..SeenIn::default() };
        match Self::confirm(self, &confirmation.subject, AccountSource::Queue, seen_in).await {
            Ok(Confirmed::Recorded) => ConfirmOutcome::Recorded,
            Ok(Confirmed::Absent(_)) => ConfirmOutcome::Absent,
            Ok(Confirmed::Impossible(reason)) => ConfirmOutcome::Refused(reason),
            Err(error) => ConfirmOutcome::Trouble(told(error.as_ref())),
        }
    }

    async fn refuse(&self, message: &MessageRef, reason: &str) -> Result<(), String> {
        let refused = self.store.refuse_message(&message.message_id, reason).await;
        refused.context(NOT_REFUSED).map_err(|error| told(error.as_ref()))
    }
}
