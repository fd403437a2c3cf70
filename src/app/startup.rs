//! Starting: what is waited for, and what is refused at once because waiting cannot help.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use sqlx::migrate::MigrateError;
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

/// Classes of SQLSTATE that say the same at every try, because they are about the statement and the rows it meets: what the
/// server cannot do (0A), values (22), constraints (23), rights and names (42), limits (54), and what a statement raises (P0).
/// Others may pass: connections, locks, a disk that is full, a server that goes away.
const LASTING: [&str; 6] = ["0A", "22", "23", "42", "54", "P0"];

/// The one of them for rights.
const NOT_ALLOWED: &str = "42501";

/// How often that is looked at while the service runs.
const LOOK: Duration = Duration::from_secs(5);

/// Waits until a password that cannot be read again is refused for so long that only a new process can help, and says so.
pub(super) async fn password_refused(store: &Store, roster: Option<&Roster>) -> anyhow::Error {
    loop {
        tokio::time::sleep(LOOK).await;
        let (database, roster) = (Some(store.pool().source()), roster.map(|roster| roster.pool().source()));
        let refused = [
            ("database", database.filter(|source| is_refused_for_long(source.refused_since()))),
            // A roster whose password never was right costs its removals, and not the whole service.
            ("roster", roster.filter(|source| is_refused_for_long(source.changed_since()))),
        ];
        for (section, source) in refused {
            // Where the sessions that are there suffice, perhaps nobody has tried since a single refusal.
            if let Some(source) = source
                && source.is_refused().await
            {
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
        let Some(opening) = stop.run_until_cancelled(context.open_store()).await else { break };
        match opening {
            Ok(store) => {
                readiness.clear(DATABASE);
                return Ok(Some(store));
            }
            Err(error) if is_refused(&error) => return Err(with_mend(error)),
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

/// Whether waiting cannot help: a malformed URL, or a migration that is not the one of this name or that the database refuses.
fn is_misconfigured(error: &anyhow::Error) -> bool {
    let is_malformed =
        error.chain().any(|cause| matches!(cause.downcast_ref::<sqlx::Error>(), Some(sqlx::Error::Configuration(_))));
    is_malformed || migration(error).is_some_and(is_lasting)
}

/// What a migration ended by.
fn migration(error: &anyhow::Error) -> Option<&MigrateError> {
    error.chain().find_map(|cause| cause.downcast_ref::<MigrateError>())
}

/// What is not said by the database is about the migrations themselves.
fn is_lasting(migration: &MigrateError) -> bool {
    match migration {
        MigrateError::Execute(_) | MigrateError::ExecuteMigration(..) => {
            sqlstate(migration).is_some_and(|code| LASTING.iter().any(|class| code.starts_with(*class)))
        }
        _ => true,
    }
}

fn sqlstate(migration: &MigrateError) -> Option<Cow<'_, str>> {
    match migration {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.as_database_error()?.code(),
        _ => None,
    }
}

/// What is said of a migration is the database's word; what to do is added.
fn with_mend(error: anyhow::Error) -> anyhow::Error {
    let Some(mend) = migration(&error).map(mend) else { return error };
    error.context(format!("this version cannot start; {mend}"))
}

fn mend(migration: &MigrateError) -> &'static str {
    match sqlstate(migration).as_deref() {
        Some(NOT_ALLOWED) => {
            "let the role of database.url own the database, its schema \"provisioner\" and all in it: ALTER … OWNER TO … (where \
             the ledger was given another owner: for this start alone, docs/hardening.md)"
        }
        _ => "mend what it says, or run the version that ran last",
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fmt;
    use std::io;

    use anyhow::Context as _;
    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// What a database says, with its SQLSTATE.
    #[derive(Debug)]
    struct Said {
        code: &'static str,
        message: &'static str,
    }

    impl fmt::Display for Said {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.message)
        }
    }

    impl Error for Said {}

    impl DatabaseError for Said {
        fn message(&self) -> &str {
            self.message
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.code.into())
        }

        fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn said(code: &'static str, message: &'static str) -> sqlx::Error {
        sqlx::Error::Database(Box::new(Said { code, message }))
    }

    /// As the store tells it.
    fn migrating(ended: MigrateError) -> anyhow::Error {
        Err::<(), _>(ended).context("the schema \"provisioner\" cannot be migrated").unwrap_err()
    }

    #[test]
    fn a_migration_that_the_database_refuses_ends_the_start_and_says_what_to_do() {
        let refused = migrating(MigrateError::ExecuteMigration(said("42501", "must be owner of table ledger"), 7));
        assert!(is_refused(&refused));
        assert_eq!(
            told(with_mend(refused).as_ref()),
            "this version cannot start: the schema \"provisioner\" cannot be migrated: while executing migration 7: error \
             returned from database: must be owner of table ledger; let the role of database.url own the database, its schema \
             \"provisioner\" and all in it: ALTER … OWNER TO … (where the ledger was given another owner: for this start \
             alone, docs/hardening.md)"
        );
        // Also where it is the schema itself that may not be made, and whatever the statement meets.
        assert!(is_refused(&migrating(said("42501", "permission denied for database ours").into())));
        for code in ["42P07", "42703", "23505", "22P02", "0A000", "54000", "P0001"] {
            let refused = migrating(MigrateError::ExecuteMigration(said(code, "no"), 7));
            assert!(is_refused(&refused), "{code}");
            assert!(told(with_mend(refused).as_ref()).ends_with("or run the version that ran last"), "{code}");
        }
        assert!(is_refused(&migrating(MigrateError::VersionMismatch(7))));
    }

    #[test]
    fn a_database_that_goes_away_or_is_busy_during_a_migration_is_waited_for() {
        let gone = || sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionReset));
        assert!(!is_refused(&migrating(gone().into())));
        assert!(!is_refused(&migrating(MigrateError::ExecuteMigration(gone(), 7))));
        assert!(!is_refused(&migrating(MigrateError::ExecuteMigration(sqlx::Error::PoolTimedOut, 7))));
        // Locked, deadlocked, cancelled, shut down, full, out of connections, and a standby since a moment ago.
        for code in ["55P03", "40P01", "57014", "57P01", "53100", "53300", "25006", "08006"] {
            assert!(!is_refused(&migrating(MigrateError::ExecuteMigration(said(code, "not now"), 7))), "{code}");
            assert!(!is_refused(&migrating(said(code, "not now").into())), "{code}");
        }
        // What is said when nothing is migrated is said by a way to the database, which may be mended meanwhile.
        assert!(!is_refused(&anyhow::Error::from(said("42501", "permission denied for database ours"))));
    }
}
