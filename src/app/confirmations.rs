//! Joins the queue's confirmations to the account store and the pool: the intake knows neither.

use std::time::Duration;

use crate::accounts::{Accounts, Confirmed};
use crate::intake::queue::{Answer, Confirmation, Confirmations, MessageRef};
use crate::store::{AccountSource, Place};

/// Longer than the pool and the database together need; who waits longer leaves the message for redelivery.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(20);

impl Confirmations for Accounts {
    async fn confirm(&self, confirmation: &Confirmation, message: &MessageRef) -> Answer {
        let place = Place { message_id: Some(&message.message_id), ..Place::default() };
        let confirmed = Self::confirm(self, &confirmation.subject, AccountSource::Queue, place);
        match tokio::time::timeout(CONFIRM_TIMEOUT, confirmed).await {
            Ok(Ok(Confirmed::Recorded)) => Answer::Recorded,
            Ok(Ok(Confirmed::Absent)) => Answer::Absent,
            Ok(Ok(Confirmed::Impossible(reason))) => Answer::Refused(reason),
            Ok(Err(error)) => Answer::Trouble(format!("{error:#}")),
            Err(elapsed) => Answer::Trouble(elapsed.to_string()),
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
