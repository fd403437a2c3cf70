//! Starting: what is waited for, and what is refused at once because waiting cannot help.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Context, DATABASE, pause};
use crate::causes::told;
use crate::intake::admin::Readiness;
use crate::sources::Roster;
use crate::store::{SchemaError, SharedSessions, StampError, Store};

/// A password is refused for so long before the process ends: a rotation takes seconds.
const REFUSED: Duration = Duration::from_secs(60);

/// How long the start waits for the roster's columns. A database that is silent is told of when it is read.
const CHECK: Duration = Duration::from_secs(10);

/// How often that is looked at while the service runs.
const LOOK: Duration = Duration::from_secs(5);

/// Waits until a password that cannot be read again is refused for so long that only a new process can help, and says so.
pub(super) async fn password_refused(store: &Store, roster: Option<&Roster>) -> anyhow::Error {
    loop {
        tokio::time::sleep(LOOK).await;
        let since = [
            ("database", store.pool().source().refused_since()),
            // A roster whose password never was right costs its removals, and not the whole service.
            ("roster", roster.and_then(|roster| roster.pool().source().changed_since())),
        ];
        for (section, since) in since {
            if is_refused_for_long(since) {
                return anyhow!(
                    "the password of [{section}] is refused, and it comes from the environment or the configuration file: this \
                     process ends, so that a new process starts with the new one. {section}.password_file would be read again, \
                     and so would {section}.url_file"
                );
            }
        }
    }
}

/// A password from the environment never changes here; a new process may be given another.
fn is_refused_for_long(since: Option<Instant>) -> bool {
    since.is_some_and(|since| since.elapsed() > REFUSED)
}

/// A query with other columns can never be right: better not to start than to run without what it answers.
pub(super) async fn check_sources(context: &Context) -> Result<()> {
    tokio::try_join!(check_roster(context), check_profiles(context)).map(drop)
}

async fn check_roster(context: &Context) -> Result<()> {
    let Some(roster) = context.roster()? else { return Ok(()) };
    match tokio::time::timeout(CHECK, roster.check()).await {
        Ok(Err(error)) if error.is_misconfigured() => Err(error.into()),
        // Anything else may pass, and is reported by /readyz and the log until it does.
        _ => Ok(()),
    }
}

async fn check_profiles(context: &Context) -> Result<()> {
    let Some(source) = context.profile_source()? else { return Ok(()) };
    match source.check().await {
        Err(error) if error.is_misconfigured() => Err(error.into()),
        // Anything else may pass, and is told of with the plan and in the log.
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
        let opening = tokio::select! {
            () = stop.cancelled() => break,
            opened = context.open_store() => opened,
        };
        match opening {
            Ok(store) => {
                readiness.clear(DATABASE);
                return Ok(Some(store));
            }
            Err(error) if is_refused(&error) => {
                return Err(error);
            }
            Err(error) => {
                let reason = told(error.as_ref());
                if reason != said {
                    warn!("waiting for the database: {reason}");
                    said.clone_from(&reason);
                }
                readiness.set(DATABASE, Err(reason));
                if is_refused_for_long(context.database()?.refused_since()) {
                    return Err(error);
                }
            }
        }
        pause(stop).await;
    }
    Ok(None)
}

fn is_refused(error: &anyhow::Error) -> bool {
    error.is::<StampError>() || error.is::<SchemaError>() || error.is::<SharedSessions>() || is_misconfigured(error)
}

/// Whether waiting cannot help: a malformed URL, or a migration that is not the one of this name.
fn is_misconfigured(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<sqlx::migrate::MigrateError>() && !cause.source().is_some_and(|source| source.is::<sqlx::Error>())
            || matches!(cause.downcast_ref::<sqlx::Error>(), Some(sqlx::Error::Configuration(_)))
    })
}
