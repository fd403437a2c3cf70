//! Many members at once, by writing into Synapse's database: a hundred thousand joins take hours.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::synapse::Synapse;

const SCRIPT: &str = include_str!("crowd.py");

/// Puts so many new members into a room. Synapse is stopped meanwhile; what it remembered of the room is forgotten.
pub(super) async fn fill(synapse: &Synapse, room: &str, count: usize) -> Result<()> {
    synapse.stop_sigterm().await?;
    let script = Command::new(synapse.python())
        .args(["-c", SCRIPT, &synapse.database_url()])
        .arg(synapse.signing_key())
        .args([synapse.server_name(), room, &count.to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("start the script that writes members")?;
    ensure!(script.status.success(), "no members were written: {}", String::from_utf8_lossy(&script.stderr));
    synapse.start_again().await
}
