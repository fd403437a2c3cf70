//! The roster: the configured query against Hasura's Postgres, read-only.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use futures_util::TryStreamExt;
use provisioner_policy::{LONGEST, RosterReader, RosterReading, RosterRow};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Column, Executor, PgPool, Row, SqlSafeStr, Statement};
use thiserror::Error;

use crate::postgres;

/// What the query must answer, in any order.
const COLUMNS: [&str; 3] = ["subject", "team", "role"];

/// A roster that takes longer is as good as unreadable; the next poll tries again.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the roster cannot be read.
#[derive(Debug, Error)]
pub enum RosterError {
    #[error("roster.url is not a Postgres URL; it has the form postgres://user:password@host/database")]
    Url(#[source] sqlx::Error),
    #[error(
        "the database of roster.url cannot be reached; the last good reading stands and nobody is removed for its sake"
    )]
    Unreachable(#[source] sqlx::Error),
    #[error(
        "roster.query is refused by Postgres; mend the query, or grant SELECT on its tables to the role of roster.url"
    )]
    Refused(#[source] sqlx::Error),
    #[error(
        "roster.query answers the columns ({}), and must answer exactly (subject, team, role); rename them in the query, as in \
         SELECT u.id::text AS subject, t.name AS team, tm.role AS role …",
        found.join(", ")
    )]
    Columns { found: Vec<String> },
    #[error(
        "roster.query answers more than roster.max_rows = {max} rows; the last good reading stands and nobody is removed for \
         its sake. Look what fills its tables, or raise roster.max_rows"
    )]
    TooManyRows { max: u32 },
}

impl RosterError {
    /// Whether waiting cannot help: somebody has to change the configuration.
    pub fn is_misconfigured(&self) -> bool {
        matches!(self, Self::Url(_) | Self::Columns { .. })
    }

    /// The whole chain in one line.
    pub fn chain(&self) -> String {
        let source = std::error::Error::source(self);
        source.map_or_else(|| self.to_string(), |source| format!("{self}: {source}"))
    }
}

/// The roster's database and query.
#[derive(Clone)]
pub struct Roster {
    pool: PgPool,
    query: String,
    max_rows: u32,
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roster")
            .field("database", &postgres::place(&self.pool.connect_options()))
            .field("query", &self.query)
            .field("max_rows", &self.max_rows)
            .finish()
    }
}

impl Roster {
    /// Prepares the source; connects at the first reading.
    pub fn new(url: &str, query: &str, max_rows: u32) -> Result<Self, RosterError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(RosterError::Url)?
            .application_name("phenom-provisioner")
            .options([
                ("default_transaction_read_only", "on".to_owned()),
                ("statement_timeout", STATEMENT_TIMEOUT.as_millis().to_string()),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(5))
            .idle_timeout(Duration::from_secs(300))
            .connect_lazy_with(options);
        Ok(Self { pool, query: query.trim().trim_end_matches(';').to_owned(), max_rows })
    }

    /// The pool, for a listener on the notify channel.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Whether the query answers exactly the columns it must.
    pub async fn check(&self) -> Result<(), RosterError> {
        let mut connection = match self.pool.acquire().await {
            Ok(connection) => connection,
            Err(error) => return Err(classify(postgres::reason(&self.pool.connect_options(), error).await)),
        };
        let query = AssertSqlSafe(self.query.clone()).into_sql_str();
        let statement = connection.prepare(query).await.map_err(classify)?;
        let found: Vec<String> = statement.columns().iter().map(|column| column.name().to_owned()).collect();
        let mut sorted: Vec<&str> = found.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        let mut wanted = COLUMNS;
        wanted.sort_unstable();
        if sorted == wanted { Ok(()) } else { Err(RosterError::Columns { found }) }
    }

    /// Reads every row, one by one. The columns are cast to text here, so that an uncast uuid or an enumeration is no error,
    /// and cut, so that a huge value stays where it is. [`LONGEST`] is in bytes: what is cut to more characters than that is
    /// still too long.
    pub async fn read(&self, server_name: &str, bot: &str) -> Result<RosterReading, RosterError> {
        self.check().await?;
        let [subject, team, role] = COLUMNS.map(|column| format!("left({column}::text, {}) AS {column}", LONGEST + 1));
        let limit = u64::from(self.max_rows) + 1;
        let sql = format!("SELECT {subject}, {team}, {role} FROM (\n{}\n) AS roster LIMIT {limit}", self.query);
        let mut rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch(&self.pool);
        let mut reader = RosterReader::new(server_name, bot);
        while let Some(next) = rows.try_next().await.map_err(classify)? {
            if reader.rows() as u64 == u64::from(self.max_rows) {
                return Err(RosterError::TooManyRows { max: self.max_rows });
            }
            reader.take(row(&next).map_err(RosterError::Refused)?);
        }
        Ok(reader.finish())
    }
}

fn row(row: &PgRow) -> sqlx::Result<RosterRow> {
    Ok(RosterRow { subject: row.try_get("subject")?, team: row.try_get("team")?, role: row.try_get("role")? })
}

fn classify(error: sqlx::Error) -> RosterError {
    let refused = match &error {
        // Class 57 is the server going away, 53 its lack of resources, 08 the connection: the query is not to blame.
        sqlx::Error::Database(database) => {
            !database.code().is_some_and(|code| ["08", "53", "57"].iter().any(|class| code.starts_with(class)))
        }
        _ => false,
    };
    if refused { RosterError::Refused(error) } else { RosterError::Unreachable(error) }
}
