//! What Synapse's unhappy answers mean for a set-up: what is wrong, and the mend.

use super::Finding;
use crate::homeserver::CallError;

/// The finding of a call that failed.
pub(super) fn failed(check: &'static str, error: &CallError) -> Finding {
    let found = Finding::of(check, error);
    match error {
        CallError::TimedOut { .. } => found.mended_by("look at Synapse's load and log, or mend homeserver.url"),
        CallError::NotServedHere | CallError::Unreadable(_) => Finding::fail(
            check,
            "what answers at homeserver.url is not Synapse's API",
            "homeserver.url must lead to Synapse itself, client and admin API, and not to the public proxy",
        ),
        _ if found.mend.is_none() => found.mended_by("look at Synapse's log"),
        _ => found,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_mend_is_that_of_the_error_where_the_doctor_knows_no_better() {
        let message = || "no".to_owned();
        for (error, text, mend) in [
            (CallError::TimedOut { after: Duration::from_secs(5) }, "did not answer within 5s", "load and log"),
            (CallError::TokenRejected, "the as_token", "the same registration file"),
            (CallError::BotDisabled { message: message() }, "on Synapse (no)", "PUT /_synapse/admin/v2/users/…"),
            (CallError::NotServedHere, "is not Synapse's API", "not to the public proxy"),
            (
                CallError::ServerError { status: 500, message: message() },
                "with status 500: no",
                "look at Synapse's log",
            ),
            (CallError::TooLarge { limit: 1 << 20 }, "larger than 1 MiB", "look at Synapse's log"),
        ] {
            let found = failed("room", &error);
            assert!(found.text.contains(text) && !found.text.contains("; "), "{found:?}");
            assert!(found.mend.as_ref().is_some_and(|said| said.contains(mend)), "{found:?}");
        }
    }
}
