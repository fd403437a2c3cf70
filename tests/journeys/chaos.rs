//! A minute of chaos: whatever happens, in which order, the promises hold. `testbed chaos` does it for hours, with any seed.

use std::time::Duration;

use testbed::SynapseVersion;
use testbed::chaos::Chaos;
use testbed::load::Setup;

crate::on_one_version!(a_minute_of_chaos_breaks_no_promise);

/// So that a run that fails can be repeated; what the service makes of it depends on the machine as well.
const SEED: u64 = 20_261_129;

async fn a_minute_of_chaos_breaks_no_promise(version: SynapseVersion) {
    let setup = Setup { binary: env!("CARGO_BIN_EXE_phenom-provisioner").into(), version, tell: |_| () };
    // A busy machine takes as long as it takes: by hand it is 15 s.
    let (lasts, settles) = (Duration::from_secs(60), Duration::MAX);
    let found = Chaos { seed: Some(SEED), lasts, settles }.measure(&setup).await.unwrap();
    assert!(found.verdict.broken.is_empty(), "{found}");
    assert!(found.faults >= 10, "too little happened to prove anything: {found}");
    assert!(found.verdict.joins > 0 && found.verdict.removals > 0, "nothing was to be done meanwhile: {found}");
}
