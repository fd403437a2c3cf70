//! The schema and this program: who migrates, and which versions can work beside each other.
//!
//! A schema that a later version has migrated is worked with, so that a release can be rolled back and two versions can run side
//! by side while one is deployed. A migration that takes something away from older versions says so in
//! `provisioner.stamp.oldest_version`, and those refuse to start.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::migrate::Migrator;
use sqlx::{Executor, PgPool};
use thiserror::Error;

use super::SCHEMA;
use crate::postgres::BoundedPool;

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!();
    migrations.set_ignore_missing(true);
    // Beside the tables it speaks of: dropping the schema is then a whole undo, and nothing of ours is in "public".
    migrations.create_schema(SCHEMA);
    migrations.dangerous_set_table_name(format!("{SCHEMA}._sqlx_migrations"));
    migrations
});

/// A server that falls silent ends it, too.
const LONGEST: Duration = Duration::from_secs(1800);

/// What a command needs of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaNeed {
    /// It writes, and brings the schema up to date.
    Newest,
    /// It only reads: the service that runs decides about the schema. A database without one gets it all the same.
    AsItIs,
}

/// The schema and this program do not go together.
#[derive(Debug, Error)]
pub enum SchemaError {
    #[error(
        "this version is too old for the database: it knows migrations up to {known}, and {needed} is needed; run the version \
         that ran last, or a later one"
    )]
    TooOld { needed: i64, known: i64 },
    #[error(
        "the database is not migrated to this version: it is at {at}, and {known} is needed; start the service of this version, \
         which migrates it, or use the version that runs"
    )]
    Behind { at: i64, known: i64 },
}

/// The newest migration that this program knows.
fn known() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// Migrates what is not migrated yet.
pub(super) async fn to_newest(pool: &BoundedPool) -> Result<()> {
    if let Some(Schema { newest, oldest_version }) = schema(pool).await? {
        refuse_too_old(oldest_version)?;
        // Most starts find it done, and need no lock of migrations.
        if newest >= known() && all_applied(pool).await? {
            return Ok(());
        }
    }
    run(&pool.unbounded()).await.context("the schema \"provisioner\" cannot be migrated")?;
    refuse_too_old(schema(pool).await?.and_then(|schema| schema.oldest_version))
}

/// Migrates a database that has no schema yet; one that is behind is refused.
pub(super) async fn only_where_there_is_none(pool: &BoundedPool) -> Result<()> {
    let Some(Schema { newest, oldest_version }) = schema(pool).await? else { return to_newest(pool).await };
    refuse_too_old(oldest_version)?;
    if all_applied(pool).await? {
        return Ok(());
    }
    Err(SchemaError::Behind { at: newest, known: known() }.into())
}

fn refuse_too_old(oldest_version: Option<i64>) -> Result<()> {
    match oldest_version {
        Some(needed) if needed > known() => Err(SchemaError::TooOld { needed, known: known() }.into()),
        _ => Ok(()),
    }
}

/// Null where the column is not there yet.
const OLDEST_VERSION: &str = "SELECT (to_jsonb(stamp) ->> 'oldest_version')::bigint FROM provisioner.stamp";

struct Schema {
    newest: i64,
    /// Nothing in a schema of before that was noted.
    oldest_version: Option<i64>,
}

/// How far the schema is; nothing where there is none. Not checked when it is compiled: tables and columns may not be there.
async fn schema(pool: &BoundedPool) -> sqlx::Result<Option<Schema>> {
    let is_there = sqlx::query_scalar("SELECT to_regclass('provisioner._sqlx_migrations') IS NOT NULL");
    if !is_there.fetch_one(pool).await? {
        return Ok(None);
    }
    let newest: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM provisioner._sqlx_migrations").fetch_one(pool).await?;
    let Some(newest) = newest else { return Ok(None) };
    let oldest_version: Option<Option<i64>> = sqlx::query_scalar(OLDEST_VERSION).fetch_optional(pool).await?;
    Ok(Some(Schema { newest, oldest_version: oldest_version.flatten() }))
}

/// Whether every migration that this program knows was applied whole.
async fn all_applied(pool: &BoundedPool) -> sqlx::Result<bool> {
    let applied: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM provisioner._sqlx_migrations WHERE success").fetch_all(pool).await?;
    Ok(MIGRATIONS.iter().all(|migration| applied.contains(&migration.version)))
}

/// A migration waits for its locks for seconds only: behind a dump it is tried again, and what runs beside it goes on.
async fn run(pool: &PgPool) -> Result<()> {
    let mut connection = pool.acquire().await?;
    connection.execute("SET lock_timeout = '5s'; SET statement_timeout = '30min'").await?;
    let migrated = tokio::time::timeout(LONGEST, MIGRATIONS.run(&mut *connection)).await;
    // Its session is not as those of the pool are.
    drop(connection.detach());
    migrated
        .context("the migration takes longer than half an hour; look what holds its locks in pg_locks")?
        .map_err(Into::into)
}
