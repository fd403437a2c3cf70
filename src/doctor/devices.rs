//! What speaks for the bot besides the registration: devices of its own, left over from a time before this service or made
//! since.

use provisioner_policy::how_many;

use super::{Finding, answers};
use crate::homeserver::CallError;

const CHECK: &str = "devices";

/// At most so many are named.
const NAMED: usize = 5;

/// `devices` are the bot's own, by their ids. Only a server admin may ask for them.
pub(super) fn examine(bot: &str, devices: Result<Vec<String>, CallError>) -> Finding {
    let devices = match devices {
        Ok(devices) => devices,
        Err(error) => return answers::failed(CHECK, &error),
    };
    if devices.is_empty() {
        let text =
            "the bot has no device of its own (a token that a server admin minted for it has none, and is not seen)";
        return Finding::pass(CHECK, text);
    }
    let mut named = devices[..devices.len().min(NAMED)].join(", ");
    if devices.len() > NAMED {
        named = format!("{named}, …");
    }
    Finding::warn(
        CHECK,
        format!(
            "the bot has {} of its own besides the registration ({named}): anybody with the token of one is a server admin, and the \
             ledger takes what they do for this service's",
            how_many(devices.len(), "device", "devices")
        ),
        format!(
            "once nothing uses them (docs/cut-over.md, step 9): POST /_matrix/client/v3/logout/all with the old token, or as a \
             server admin POST /_synapse/admin/v2/users/{bot}/delete_devices with {{\"devices\": […]}}. The as_token stays"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::FindingStatus;
    use super::*;

    #[test]
    fn devices_are_counted_and_some_are_named() {
        let found = |count: usize| examine("@bot:x", Ok((0..count).map(|number| format!("D{number}")).collect()));
        assert_eq!(found(0).status, FindingStatus::Pass);
        assert!(found(1).text.starts_with("the bot has 1 device of its own besides the registration (D0): "));
        let many = found(6);
        assert!(
            many.text.contains("6 devices of its own besides the registration (D0, D1, D2, D3, D4, …)"),
            "{many:?}"
        );
        assert!(many.mend.unwrap().contains("/_synapse/admin/v2/users/@bot:x/delete_devices"));
    }
}
