//! A pass that the reconciling service is asked for, as `apply` and `sync` do, and the wait for its report.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::reconcile::PassReport;
use crate::store::Store;

/// How often the report is looked for.
const LOOK: Duration = Duration::from_millis(200);

/// A pass that shows no progress for so long is stuck.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Asks for a pass, and returns the id of the request. `approve` and `heard` are as in [`Store::request_pass`].
pub async fn request_pass(
    store: &Store,
    approve: Option<(&str, Option<&str>)>,
    by: &str,
    heard: Option<i64>,
) -> Result<i64> {
    store.request_pass(approve, by, heard).await.context("ask for a pass")
}

/// Waits for the report of a pass. Returns `None` where the pass is stuck; the request is then taken back. `progress` gets
/// how many actions have ended and how many there are.
pub async fn wait_for_report(store: &Store, id: i64, progress: impl Fn(usize, usize)) -> Result<Option<PassReport>> {
    let (mut last, mut since) = (None, Instant::now());
    loop {
        let request = store.pass_request(id).await.context("look for the report of the pass")?;
        let request = request.context("find the request for the pass again")?;
        if let Some(report) = request.report {
            return Ok(Some(serde_json::from_value(report).context("read the report; is it of another version?")?));
        }
        if request.progress != last {
            (last, since) = (request.progress, Instant::now());
            let count = |name: &str| last.as_ref().and_then(|counts| counts[name].as_u64()).unwrap_or_default();
            progress(usize::try_from(count("done"))?, usize::try_from(count("of"))?);
        }
        if since.elapsed() > PATIENCE {
            store.withdraw_pass_request(id).await.context("take the request for a pass back")?;
            return Ok(None);
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_report_survives_the_database() {
        let report = super::PassReport { done: 3, held: 1, ..Default::default() };
        let value = serde_json::to_value(&report).unwrap();
        assert_eq!(serde_json::from_value::<super::PassReport>(value).unwrap(), report);
    }
}
