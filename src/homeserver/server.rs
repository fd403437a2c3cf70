//! Synapse itself, and whether it reaches this service. Nothing here changes anything.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use ruma::api::client::account::whoami;
use tracing::instrument;

use super::{
    CallError, Homeserver,
    answer::CallFailure,
    requests::{PathSegment, server},
};

/// Errors of a ping that reached the listener. Synapse 1.163 then wants to end the wait before its next delivery, and fails
/// with these, as M_CONNECTION_FAILED, when that delivery is under way already.
const RETRIES_ALREADY: [&str; 2] = ["AlreadyCalled:", "AlreadyCancelled:"];

impl Homeserver {
    /// Whose token this is. Synapse answers it even before the sender is registered, so it proves the token only.
    #[instrument(name = "homeserver.whoami", skip_all)]
    pub async fn whoami(&self) -> Result<String, CallError> {
        let answer = self.call("whoami", whoami::v3::Request::new()).await?;
        Ok(answer.user_id.into())
    }

    /// Synapse's version, for example `1.105.1`, and what its clock said, in whole seconds; a proxy on the way may have put in its
    /// own.
    #[instrument(name = "homeserver.server_version_and_clock", skip_all)]
    pub async fn server_version_and_clock(&self) -> Result<(String, Option<DateTime<Utc>>), CallError> {
        let answer = self.call("server_version", server::version::Request {}).await?;
        Ok((answer.body.server_version, answer.date))
    }

    /// Asks Synapse to call this service's listener and returns how long that took. On 1.163 it also ends the wait before
    /// the next delivery of transactions.
    #[instrument(name = "homeserver.ping_appservice", skip_all)]
    pub async fn ping_appservice(&self, appservice_id: &str, transaction_id: &str) -> Result<Duration, CallError> {
        let request = server::ping::Request {
            appservice: PathSegment(appservice_id.to_owned()),
            transaction_id: transaction_id.to_owned(),
        };
        let asked = Instant::now();
        match self.call("ping_appservice", request).await {
            Ok(answer) => Ok(answer.body.duration),
            Err(CallFailure::Answer(answer))
                if RETRIES_ALREADY.iter().any(|error| answer.message.starts_with(error)) =>
            {
                Ok(asked.elapsed())
            }
            // These two are about the way back to us, not about Synapse.
            Err(CallFailure::Answer(answer))
                if matches!(
                    answer.errcode.as_str(),
                    "M_CONNECTION_FAILED" | "M_CONNECTION_TIMEOUT" | "M_BAD_STATUS" | "M_URL_NOT_SET"
                ) =>
            {
                Err(CallError::ListenerUnreachable { message: answer.message })
            }
            Err(failure) => Err(failure.into()),
        }
    }
}
