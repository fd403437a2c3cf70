//! What the checks of AWS's services share: how long they wait, and the mend where a service does not answer or is asked too
//! often.

use std::time::Duration;

use super::{Finding, FindingStatus, PATIENCE};

/// It includes finding credentials, which asks other machines where the environment has none.
pub(super) const BOUND: Duration = Duration::from_secs(2 * PATIENCE.as_secs());

/// The mend where `service` does not answer, which `section` of the configuration leads to.
pub(super) fn way_to(service: &str, section: &str, endpoint_url: Option<&str>) -> String {
    match endpoint_url {
        Some(_) => format!("start what is at {section}.endpoint_url, or mend or remove that key: it is for emulators"),
        None => format!(
            "let this machine reach {service} of that region by HTTPS (DNS, firewall, proxy, VPC endpoint), and the service that \
             hands out its AWS credentials"
        ),
    }
}

/// A service that asks for fewer requests is there and may be used: that is no failure.
pub(super) fn throttled(found: Finding) -> Finding {
    let mend = "ask again in a moment; if it lasts, find out who else asks";
    Finding { status: FindingStatus::Warn, ..found }.mended_by(mend)
}
