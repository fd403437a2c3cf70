//! One pass from nothing: for `plan`, which writes nothing at all, and for `apply` where no service is running.

use std::sync::Arc;

use anyhow::{Context, Result};
use provisioner_policy::Plan;
use tokio_util::sync::CancellationToken;

use crate::reconcile::brakes::approval::Approver;
use crate::reconcile::read::readings::PATIENCE;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::report::PassReport;
use crate::reconcile::tell::gauges;
use crate::reconcile::wakes::Woken;

/// Reads everything and plans. The inbox is left to the replica that reconciles. Returns what could not be read, too.
pub async fn plan_once(reconciler: &mut Reconciler) -> Result<(Arc<Plan>, Vec<String>)> {
    reconciler.read_sources(Woken::ALL.without(Woken::INBOX)).await?;
    reconciler.read_mirror(true, None).await?;
    let plan = reconciler.plan().await?;
    let report = gauges::report(reconciler.world(), &plan);
    let trouble = &reconciler.trouble;
    let errors = trouble.roster.iter().chain(&trouble.homeserver).cloned().chain(report.errors).collect();
    Ok((plan, errors))
}

/// Reads everything, plans, and works until nothing more can be done now; what takes something away is waited for once, and
/// done when the sources say so again. The caller holds leadership.
/// `approve` is the id of a held part and who approves it. `progress` gets how many are ended and how many there were to begin with.
pub async fn apply_once(
    reconciler: &mut Reconciler,
    stop: &CancellationToken,
    approve: Option<(&str, &str)>,
    progress: impl Fn(usize, usize),
) -> Result<PassReport> {
    reconciler.store.close_interrupted().await.context("close interrupted attempts in the ledger")?;
    reconciler.read_sources(Woken::ALL).await?;
    reconciler.read_mirror(true, None).await?;
    if let Some((id, by)) = approve {
        reconciler.approve_shown(id, None, &Approver { by: by.into(), request: None }).await?;
    }
    let of = reconciler.plan().await?.due().count();
    let (mut journal, mut total, mut waited) = (None, PassReport::default(), false);
    loop {
        let slice = reconciler.slice(&mut journal, stop).await?;
        let progressed = slice.report.ended() > 0;
        total.add(slice.report);
        progress(total.ended(), of);
        let mut sources = Woken::INBOX;
        match slice.settled_at.filter(|_| !waited) {
            // What settled is taken only while the sources go on saying so.
            _ if reconciler.settle.wants_asking() && !stop.is_cancelled() => sources = sources | Woken::BELONGING,
            _ if slice.more => {}
            Some(at) => {
                if stop.run_until_cancelled(tokio::time::sleep_until(at.into())).await.is_none() {
                    return Ok(total);
                }
                (sources, waited) = (sources | Woken::BELONGING, true);
            }
            // What waits for a host that is left alone, or for a source, is waited for by the next one who asks.
            None if total.later > 0 && (progressed || reconciler.gives_soon()) && !stop.is_cancelled() => {
                if stop.run_until_cancelled(reconciler.profiles_due()).await.is_none() {
                    return Ok(total);
                }
            }
            None => return Ok(total),
        }
        reconciler.read_sources(sources).await?;
        reconciler.read_mirror(false, Some(PATIENCE)).await?;
    }
}
