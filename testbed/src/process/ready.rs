//! Waiting until a started part answers.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::Part;
use crate::wait::wait_until;

/// Waits until a GET of `url` succeeds.
///
/// # Errors
/// When the part ends first or `bound` passes; the message carries the end of its log.
pub(crate) async fn wait(part: &Part, url: &str, bound: Duration) -> Result<()> {
    let client = reqwest::Client::new();
    wait_until(&format!("{} answers", part.name()), bound, async || {
        let answer = client.get(url).timeout(Duration::from_secs(5)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success()) || !part.running().unwrap_or(false)
    })
    .await
    .and_then(|()| if part.running()? { Ok(()) } else { Err(anyhow!("{} ended at once", part.name())) })
    .with_context(|| format!("start {}; end of its log:\n{}", part.name(), part.log_tail()))
}
