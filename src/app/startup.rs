//! Starting: what is waited for, and what is refused at once because waiting cannot help.

use anyhow::Result;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Context, DATABASE, pause};
use crate::intake::admin::Readiness;
use crate::store::{StampError, Store};

/// A query with other columns can never be right: better not to start than to run without a roster.
pub(super) async fn check_roster(context: &Context) -> Result<()> {
    let Some(roster) = context.roster()? else { return Ok(()) };
    match roster.check().await {
        Err(error) if error.is_misconfigured() => Err(error.into()),
        // Anything else may pass, and is reported by /readyz and the log until it does.
        _ => Ok(()),
    }
}

/// Opens the database, waiting for it as long as it takes. Nothing comes back when the service is stopped meanwhile.
pub(super) async fn open_store(
    context: &Context,
    readiness: &Readiness,
    stop: &CancellationToken,
) -> Result<Option<Store>> {
    let mut said = String::new();
    while !stop.is_cancelled() {
        match context.open_store().await {
            Ok(store) => {
                readiness.clear(DATABASE);
                return Ok(Some(store));
            }
            Err(error) if error.is::<StampError>() || is_misconfigured(&error) => return Err(error),
            Err(error) => {
                let reason = format!("{error:#}");
                if reason != said {
                    warn!("waiting for the database: {reason}");
                    said.clone_from(&reason);
                }
                readiness.set(DATABASE, Err(reason));
            }
        }
        pause(stop).await;
    }
    Ok(None)
}

/// Whether waiting cannot help: a malformed URL, or a schema newer than this binary.
fn is_misconfigured(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<sqlx::migrate::MigrateError>() && !cause.source().is_some_and(|source| source.is::<sqlx::Error>())
            || matches!(cause.downcast_ref::<sqlx::Error>(), Some(sqlx::Error::Configuration(_)))
    })
}
