//! What a proxy, or a Synapse that has too much to do, answers instead of an answer: pages, failures, limits without a time. Nothing
//! is lost, nobody is removed for it, and all goes on within seconds.

use std::time::Duration;

use serde_json::json;
use testbed::{Effect, Matching, SynapseVersion, wait_until};

use crate::staff_support::open;
use crate::support::{SOON, Settings, subject};

crate::on_one_version!(pages_and_limits_lose_nothing_and_keep_nobody_waiting);

/// From the end of the trouble. What failed a few times waits for some seconds.
const WELL_AGAIN: Duration = Duration::from_secs(60);

async fn pages_and_limits_lose_nothing_and_keep_nobody_waiting(version: SynapseVersion) {
    let staff = open(version, Settings { notify: true, ..Settings::default() }).await;
    let stage = &staff.stage;
    stage.quiet().await;
    let limit = json!({ "errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests" });
    let failure = json!({ "errcode": "M_UNKNOWN", "error": "Internal server error" });
    let mut before: Option<String> = None;
    for effect in [
        Effect::Page(429),
        Effect::Page(500),
        Effect::Page(502),
        Effect::Page(503),
        Effect::Answer(429, limit),
        Effect::Answer(500, failure),
    ] {
        let trouble = format!("{effect:?}");
        let (comes, goes) = (subject(), before.take());
        let fault = stage.proxy.fault(Matching::any(), effect);
        stage.hasura.add(&comes, "staff", "member").await.unwrap();
        if let Some(goes) = &goes {
            stage.hasura.remove(goes, "staff").await.unwrap();
        }
        let said = staff.say(&staff.lead, "!provisioner status").await;
        wait_until("it is met with", SOON, async || fault.hits() >= 4).await.unwrap();
        fault.lift();
        stage.until(&stage.staff, &comes, "join", WELL_AGAIN).await;
        if let Some(goes) = &goes {
            stage.until(&stage.staff, goes, "leave", WELL_AGAIN).await;
        }
        assert_eq!(staff.ended(&said).await, "answered", "{trouble}");
        assert_eq!(staff.answers(&said).await.len(), 1, "{trouble}");
        before = Some(comes);
    }
    for sub in [&staff.lead_sub, &staff.member_sub] {
        assert_eq!(stage.memberships(&stage.staff, sub).await.iter().filter(|now| *now == "join").count(), 1);
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
    }
    stage.nothing_left().await;
}
