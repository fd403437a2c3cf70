//! `pause` and `resume`: the brake on every write to the homeserver, at once and across restarts.

use std::process::ExitCode;

use anyhow::{Context, Result};

use super::print;
use crate::config::ConfigLocation;
use crate::operations;

/// Puts the brake on.
pub(super) async fn pause(location: &ConfigLocation) -> Result<ExitCode> {
    let (_, store) = super::open(location).await?;
    if operations::pause(&store, &super::caller()).await? {
        print::line("paused: nothing is written to the homeserver until `phenom-provisioner resume`");
    } else if let Some(paused) = store.paused().await.context("look at the brake")? {
        print::line(paused);
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes the brake off.
pub(super) async fn resume(location: &ConfigLocation) -> Result<ExitCode> {
    let (_, store) = super::open(location).await?;
    let was_paused = operations::resume(&store, &super::caller()).await?;
    print::line(if was_paused { "resumed" } else { "nothing was paused" });
    Ok(ExitCode::SUCCESS)
}
