//! What Synapse's unhappy answers mean for a set-up: what is wrong, and the mend.

use super::Finding;
use crate::homeserver::CallError;

/// The finding of a call that failed.
pub(super) fn failed(check: &'static str, error: &CallError) -> Finding {
    let (text, mend) = match error {
        CallError::Unreachable(source) => {
            (format!("Synapse cannot be reached: {source}"), "start Synapse, or mend homeserver.url")
        }
        CallError::TimedOut { after } => (
            format!("Synapse did not answer within {after:?}"),
            "look at Synapse's load and log, or mend homeserver.url",
        ),
        CallError::RateLimited { .. } => (
            "Synapse limits the bot's requests".to_owned(),
            "write rate_limited: false in the registration, and restart Synapse",
        ),
        CallError::TokenRejected => (
            "Synapse does not accept the as_token".to_owned(),
            "give Synapse and this service the same registration file, and restart Synapse",
        ),
        CallError::AnotherHomeserver { ours, theirs } => (
            format!("this Synapse knows the bot as {theirs}, and by the configuration it is {ours}"),
            "homeserver.url or homeserver.server_name is that of another deployment: mend it",
        ),
        CallError::BotDisabled { message } => (
            format!("the bot's account is locked or deactivated ({message})"),
            "let a server admin unlock or reactivate it (PUT /_synapse/admin/v2/users/… with \"locked\" or \"deactivated\": false)",
        ),
        CallError::NotServerAdmin => (
            "the bot is not a server admin".to_owned(),
            "run `phenom-provisioner bootstrap` with --admin-token-file or --shared-secret-file",
        ),
        CallError::NotServedHere | CallError::Unreadable(_) => (
            "what answers at homeserver.url is not Synapse's API".to_owned(),
            "homeserver.url must lead to Synapse itself, client and admin API, and not to the public proxy",
        ),
        other => (other.to_string(), "look at Synapse's log"),
    };
    Finding::fail(check, text, mend)
}
