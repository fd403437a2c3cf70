//! `pause` and `resume`: the brake on every write to the homeserver, at once and across restarts.

use anyhow::{Context, Result};

use crate::store::Store;

/// Puts the brake on. False where it was on.
pub async fn pause(store: &Store, by: &str) -> Result<bool> {
    store.pause(by).await.context("put the brake on")
}

/// Takes the brake off. False where it was off.
pub async fn resume(store: &Store, by: &str) -> Result<bool> {
    store.resume(by).await.context("take the brake off")
}
