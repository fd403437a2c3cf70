//! `pause` and `resume`: the brake on every write to the homeserver, at once and across restarts.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::app::Settings;

/// Puts the brake on.
pub(super) async fn pause(path: &Path) -> Result<ExitCode> {
    super::logs::for_command();
    let store = Settings::load(path)?.open_store().await?;
    if store.pause(&caller()).await.context("put the brake on")? {
        println!("paused: nothing is written to the homeserver until `phenom-provisioner resume`");
    } else if let Some(paused) = store.paused().await.context("look at the brake")? {
        println!("{paused}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes the brake off.
pub(super) async fn resume(path: &Path) -> Result<ExitCode> {
    super::logs::for_command();
    let store = Settings::load(path)?.open_store().await?;
    let was_paused = store.resume(&caller()).await.context("take the brake off")?;
    println!("{}", if was_paused { "resumed" } else { "nothing was paused" });
    Ok(ExitCode::SUCCESS)
}

/// Who is at the command line, for the ledger.
fn caller() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    format!("{} on the command line", user.as_deref().unwrap_or("somebody"))
}
