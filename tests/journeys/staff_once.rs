//! The Staff room: nothing is said twice, though Synapse forgets what was sent to it when it restarts.

use std::sync::Arc;

use testbed::{Effect, Matching, SynapseVersion, own, wait_until};

use crate::staff_support::open_on;
use crate::support::{SOON, Settings};

crate::on_one_version!(what_synapse_has_is_not_sent_again_whatever_restarts);

async fn what_synapse_has_is_not_sent_again_whatever_restarts(version: SynapseVersion) {
    let staff = open_on(Arc::new(own(version).await.unwrap()), Settings::default()).await;
    let synapse = &staff.stage.bed.synapse;
    staff.stage.quiet().await;
    let sends = Matching::any().method("PUT").path("/send/m.room.message/");

    // Synapse has the answer, and we never hear so: then both are gone.
    let held = staff.stage.proxy.fault(sends.clone(), Effect::HoldAnswer);
    let said = staff.say(&staff.lead, "!provisioner pause").await;
    wait_until("the answer is there", SOON, async || staff.answers(&said).await.len() == 1).await.unwrap();
    staff.stage.service.sigkill().await.unwrap();
    synapse.stop_sigterm().await.unwrap();
    synapse.start_again().await.unwrap();
    held.lift();
    staff.stage.start().await;
    assert_eq!(staff.ended(&said).await, "answered");
    assert_eq!(staff.answers(&said).await.len(), 1, "it was found, not sent again");

    // Only Synapse goes: the service itself tries again.
    let held = staff.stage.proxy.fault(sends, Effect::HoldAnswer);
    let said = staff.say(&staff.lead, "!provisioner resume").await;
    wait_until("the answer is there", SOON, async || staff.answers(&said).await.len() == 1).await.unwrap();
    synapse.kill().await.unwrap();
    held.lift();
    synapse.start_again().await.unwrap();
    assert_eq!(staff.ended(&said).await, "answered");
    assert_eq!(staff.answers(&said).await.len(), 1, "it was found, not sent again");
    assert_eq!(held.hits(), 1, "and nothing was sent to find out");
}
