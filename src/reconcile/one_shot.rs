//! One pass from nothing: for `plan`, which writes nothing at all, and for `apply` where no service is running.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use provisioner_policy::Plan;
use tokio_util::sync::CancellationToken;

use crate::reconcile::brakes::approval::Approver;
use crate::reconcile::read::readings::PATIENCE;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::report::PassReport;
use crate::reconcile::wakes::Woken;
use crate::store::Store;

/// How often it is looked whether everything is paused. Nobody listens for notifications here.
const LOOK: Duration = Duration::from_millis(300);

/// Reads everything and plans. The inbox is left to the replica that reconciles. Returns what could not be read, too.
pub async fn plan_once(reconciler: &mut Reconciler) -> Result<(Arc<Plan>, Vec<String>)> {
    reconciler.read_sources(Woken::ALL.without(Woken::INBOX)).await?;
    reconciler.read_mirror(true, None).await?;
    // Which came first is known to the service, which asks the pool where it must: a denial that stands there is counted here.
    reconciler.world.trust_denials();
    let plan = reconciler.plan().await?;
    let errors = reconciler.unread(&plan);
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
        let approver = Approver { by: by.into(), request: None };
        while reconciler.asks_for_offboarded(approver.request).await? {
            if stop.run_until_cancelled(reconciler.offboarded.one_ends()).await.is_none() {
                break;
            }
        }
        let answered = reconciler.offboarded.end(approver.request);
        reconciler.approve_shown(id, None, &approver, &answered).await?;
    }
    let of = reconciler.plan().await?.due().count();
    let (mut journal, mut total, mut waited) = (None, PassReport::default(), false);
    loop {
        let store = reconciler.store.clone();
        let slice = reconciler.slice_until(&mut journal, stop, paused(&store)).await?;
        let progressed = slice.report.ended() > 0;
        total.add(slice.report);
        progress(total.ended(), of);
        if total.paused.is_some() {
            // With what was approved: it is not for after the pause.
            return Ok(total);
        }
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

/// Ends when somebody pauses everything.
async fn paused(store: &Store) -> String {
    loop {
        if let Ok(Some(paused)) = store.paused().await {
            return paused.to_string();
        }
        tokio::time::sleep(LOOK).await;
    }
}
