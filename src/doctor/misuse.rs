//! What strangers may do on Synapse, and what users may make it do: guests, and previews of URLs that only it reaches.

use super::{Finding, answers};
use crate::homeserver::CallError;

/// A guest has an account that no source names, and a token, until it is deactivated.
pub(super) fn guests(guest: Result<Option<String>, CallError>) -> Finding {
    const CHECK: &str = "guests";
    match guest {
        Ok(None) => Finding::pass(CHECK, "nobody is here as a guest"),
        Ok(Some(guest)) => Finding::warn(
            CHECK,
            format!(
                "somebody is here as a guest ({guest}): an account that no source names, and that anybody may make"
            ),
            format!(
                "write allow_guest_access: false in homeserver.yaml and restart Synapse; then deactivate the guests who are \
                 left (POST /_synapse/admin/v1/deactivate/{guest})"
            ),
        ),
        Err(error) => answers::failed(CHECK, &error),
    }
}

/// Loopback stands for what else only Synapse reaches: other private addresses are not tried.
pub(super) fn previews(fetches: Result<bool, CallError>) -> Finding {
    const CHECK: &str = "previews";
    match fetches {
        Ok(false) => Finding::pass(CHECK, "Synapse fetches nothing from its own machine for a preview"),
        Ok(true) => Finding::warn(
            CHECK,
            "Synapse fetches URLs of its own machine for a preview: users read by it what listens there, and in its network",
            "name the private ranges in url_preview_ip_range_blacklist of homeserver.yaml, as Synapse's documentation has them, \
             or write url_preview_enabled: false",
        ),
        // Where media are served elsewhere nothing else hangs on it.
        Err(error) => Finding::skip(CHECK, format!("Synapse does not say what it fetches for a preview: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::FindingStatus;
    use super::*;

    #[test]
    fn what_is_seen_is_warned_of_and_what_is_not_is_no_alarm() {
        assert_eq!(guests(Ok(None)).status, FindingStatus::Pass);
        let guest = guests(Ok(Some("@1:x".to_owned())));
        assert_eq!(guest.status, FindingStatus::Warn);
        assert!(guest.mend.is_some_and(|mend| mend.contains("/_synapse/admin/v1/deactivate/@1:x")));
        assert_eq!(previews(Ok(false)).status, FindingStatus::Pass);
        assert_eq!(previews(Ok(true)).status, FindingStatus::Warn);
    }
}
