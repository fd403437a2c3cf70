//! The service's own database: reachable, migrated, of this deployment, and whether the brake is on.
//!
//! On a connection of its own: opening the store would migrate and stamp a database that may be another's.

use std::collections::BTreeSet;
use std::time::SystemTime;

use provisioner_policy::how_many;
use sqlx::PgConnection;

use super::clock::Ahead;
use super::{Finding, PATIENCE, listing};
use crate::causes;
use crate::config::{Config, Secret};
use crate::postgres::{self, Login, SharedSessions};

/// What was found, and what the database's clock said.
#[derive(Default)]
pub(super) struct DatabaseExamined {
    pub(super) findings: Vec<Finding>,
    /// Of the pool, as the database knows it.
    pub(super) listing: Option<Finding>,
    pub(super) clock: Option<Ahead>,
}

/// Looks at the database of `database.url`.
pub(super) async fn examine(config: &Config) -> DatabaseExamined {
    let mut examined = DatabaseExamined::default();
    let ours = ours(config);
    match tokio::try_join!(connect(&ours), connect(&ours)) {
        Ok(connections) => match tokio::time::timeout(PATIENCE, look(connections, config, &mut examined)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => examined.findings.push(Finding::fail(
                "database",
                format!("the schema \"provisioner\" cannot be read: {}", causes::of_postgres(&error)),
                "let the role of database.url own the database, or the schema: ALTER SCHEMA provisioner OWNER TO …",
            )),
            Err(_) => examined.findings.push(unreachable(&format!("no answer within {PATIENCE:?}"))),
        },
        Err(why) => examined.findings.push(unreachable(&why)),
    }
    for check in ["deployment", "paused"] {
        if examined.findings.iter().all(|finding| finding.check != check) {
            examined.findings.push(Finding::skip(check, "needs the database, migrated"));
        }
    }
    examined.listing = examined.listing.or_else(|| listing::skipped(config));
    examined
}

fn unreachable(why: &str) -> Finding {
    Finding::fail(
        "database",
        format!("the database of database.url cannot be reached: {why}"),
        "start Postgres, or mend database.url (host, port, user, name) and its password",
    )
}

/// What leads to our own database.
pub(super) fn ours(config: &Config) -> Login {
    login(&config.database.url, config.database.password.as_ref())
}

/// What leads to a database. It is asked once: nothing is read again.
pub(super) fn login(url: &Secret, password: Option<&Secret>) -> Login {
    let password = password.map(|password| password.expose().to_owned());
    Login { url: url.expose().to_owned(), password, ..Login::default() }
}

/// Connects, or says why that is not possible.
pub(super) async fn connect(login: &Login) -> Result<PgConnection, String> {
    let options =
        login.options().map_err(|error| causes::of_postgres(&error))?.application_name("phenom-provisioner doctor");
    postgres::connect(&options, PATIENCE).await.map_err(|error| causes::of_postgres(&error))
}

async fn look(
    (mut connection, mut other): (PgConnection, PgConnection),
    config: &Config,
    examined: &mut DatabaseExamined,
) -> sqlx::Result<()> {
    if postgres::shares_sessions(&mut connection, &mut other).await? {
        examined.findings.push(Finding::fail("database", SharedSessions::WHAT, SharedSessions::MEND));
        return Ok(());
    }
    let asked = SystemTime::now();
    let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(&mut connection).await?;
    examined.clock = Some(Ahead::of(now, asked, SystemTime::now()));
    let (finding, migrated) = schema(&mut connection).await?;
    examined.findings.push(finding);
    if migrated {
        examined.findings.push(deployment(&mut connection, config).await?);
        examined.findings.push(brake(&mut connection).await?);
        examined.listing = listing::examine(&mut connection, config).await?;
    }
    Ok(())
}

/// How the schema stands to this program, and whether it can be read.
async fn schema(connection: &mut PgConnection) -> sqlx::Result<(Finding, bool)> {
    const CHECK: &str = "database";
    let is = sqlx::query!(
        r#"SELECT pg_is_in_recovery() AS "standby!", has_database_privilege(current_database(), 'CREATE') AS "may_create!",
                  to_regclass('provisioner._sqlx_migrations') IS NOT NULL AS "migrated!",
                  to_regclass('provisioner.ledger') IS NULL
                      OR has_table_privilege('provisioner.ledger', 'INSERT') AS "may_write!""#
    )
    .fetch_one(&mut *connection)
    .await?;
    if is.standby {
        let mend = "let database.url lead to the primary";
        return Ok((Finding::fail(CHECK, "the database is a standby, which nobody can write to", mend), is.migrated));
    }
    if !is.may_write {
        let mend = "let the role of database.url own the schema: ALTER SCHEMA provisioner OWNER TO …, and its tables";
        return Ok((Finding::fail(CHECK, "the role of database.url may not write to our tables", mend), is.migrated));
    }
    if !is.migrated && is.may_create {
        let mend = "nothing to do: the first `run`, `plan` or `apply` makes it";
        return Ok((Finding::warn(CHECK, "reachable; the schema \"provisioner\" is not there yet", mend), false));
    }
    if !is.migrated {
        let mend = "let the role of database.url own it: ALTER DATABASE … OWNER TO …";
        return Ok((
            Finding::fail(CHECK, "the role of database.url may not make a schema in the database", mend),
            false,
        ));
    }
    // sqlx makes this table by itself when it migrates, so its macros do not know it.
    let rows = sqlx::query_as::<_, (i64, bool)>("SELECT version, success FROM provisioner._sqlx_migrations");
    let rows = rows.fetch_all(&mut *connection).await?;
    let oldest_version: Option<Option<i64>> = match rows.is_empty() {
        true => None,
        // Null where that column is not there yet.
        false => {
            let asked = "SELECT (to_jsonb(stamp) ->> 'oldest_version')::bigint FROM provisioner.stamp";
            sqlx::query_scalar(asked).fetch_optional(connection).await?
        }
    };
    let oldest_version = oldest_version.flatten().unwrap_or_default();
    let applied: BTreeSet<i64> = rows.iter().map(|(version, _)| *version).collect();
    let known: BTreeSet<i64> = sqlx::migrate!().iter().map(|migration| migration.version).collect();
    let finding = if let Some((version, _)) = rows.iter().find(|(_, success)| !success) {
        let text = format!("migration {version} of the database was not finished");
        Finding::fail(
            CHECK,
            text,
            "look at the log of the service that began it; restore the database, or finish it by hand",
        )
    } else if known.last().is_none_or(|newest| *newest < oldest_version) {
        let text =
            format!("the database was migrated by a later version, which this one cannot work with ({oldest_version})");
        Finding::fail(CHECK, text, "run that version or a later one")
    } else if !known.is_subset(&applied) {
        let missing = known.difference(&applied).count();
        let text = format!("reachable; {} still to come", how_many(missing, "migration is", "migrations are"));
        Finding::warn(CHECK, text, "restart the service with this version: it migrates at the start")
    } else {
        let later = if applied.difference(&known).next().is_some() { ", some by a later version" } else { "" };
        Finding::pass(
            CHECK,
            format!("reachable, and migrated ({}{later})", how_many(applied.len(), "migration", "migrations")),
        )
    };
    Ok((finding, true))
}

/// Whether the database belongs to this deployment.
async fn deployment(connection: &mut PgConnection, config: &Config) -> sqlx::Result<Finding> {
    const CHECK: &str = "deployment";
    let stamp = sqlx::query!("SELECT environment, server_name, user_pool_id FROM provisioner.stamp");
    let Some(stamp) = stamp.fetch_optional(connection).await? else {
        return Ok(Finding::pass(CHECK, "the database belongs to nobody yet; the first start stamps it"));
    };
    let pool = config.cognito.as_ref().map(|cognito| cognito.user_pool_id.as_str());
    let pairs = [
        ("environment", Some(config.environment.as_str()), Some(stamp.environment.as_str())),
        ("server_name", Some(config.homeserver.server_name.as_str()), Some(stamp.server_name.as_str())),
        // A configuration without a pool reads no pool, and so cannot mix two up.
        ("user_pool_id", pool, stamp.user_pool_id.as_deref()),
    ];
    let differing = pairs.into_iter().find_map(|(key, ours, theirs)| match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours != theirs => Some((key, ours, theirs)),
        _ => None,
    });
    Ok(match differing {
        Some((key, ours, theirs)) => Finding::fail(
            CHECK,
            format!("this database belongs to {key} {theirs:?}, and the configuration says {ours:?}"),
            format!(
                "set database.url to the database of this deployment (if the change is meant: UPDATE provisioner.stamp SET \
                 {key} = '{ours}')"
            ),
        ),
        None => Finding::pass(CHECK, format!("the database belongs to {}", stamp.environment)),
    })
}

/// Whether everything is paused.
async fn brake(connection: &mut PgConnection) -> sqlx::Result<Finding> {
    let paused = sqlx::query!("SELECT paused_at, paused_by FROM provisioner.pause").fetch_optional(connection).await?;
    Ok(match paused {
        Some(paused) => Finding::warn(
            "paused",
            format!(
                "nothing is written to the homeserver since {} UTC, by {}",
                paused.paused_at.format("%Y-%m-%d %H:%M:%S"),
                paused.paused_by
            ),
            "`phenom-provisioner resume` goes on",
        ),
        None => Finding::pass("paused", "nothing is paused"),
    })
}
