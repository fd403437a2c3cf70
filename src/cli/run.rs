//! `run`: starts the service, and stops it on signals.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::app::{self, Context};
use crate::config::ConfigLocation;
use crate::version;

pub(super) async fn run(location: &ConfigLocation) -> Result<ExitCode> {
    info!(version = version::NUMBER, commit = version::COMMIT, "starting");
    let context = Context::load(location)?;
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let watched = stop.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if first {
                info!("stopping: what is in flight is finished first; a second signal stops at once");
                watched.cancel();
            } else {
                warn!("stopped at once");
                std::process::exit(1);
            }
        }
    });
    app::run(context, stop).await?;
    Ok(ExitCode::SUCCESS)
}
