//! The roster: the configured query against Hasura's Postgres, read-only.

use std::fmt;
use std::io;
use std::time::Duration;

use futures_util::TryStreamExt;
use provisioner_policy::{LONGEST, RosterReader, RosterReading, RosterRow};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Column, Row};
use thiserror::Error;

use crate::causes::told;
use crate::postgres::{BoundedPool, BoundedTransaction, ConnectionSource, Login, Session};

/// What the query must answer, in any order.
const COLUMNS: [&str; 3] = ["subject", "team", "role"];

/// A roster that takes longer is as good as unreadable; the next poll tries again.
const LONGEST_READING: Duration = Duration::from_secs(35);

/// One reads; a listener has one for itself and one for its heartbeat.
const CONNECTIONS: u32 = 2;

/// Why the roster cannot be read.
#[derive(Debug, Error)]
pub enum RosterError {
    #[error("roster.url is not a Postgres URL; write it like postgres://user:password@host/database")]
    Url(#[source] sqlx::Error),
    #[error(
        "the database of roster.url cannot be reached; the last good reading stands and nobody is removed because of it"
    )]
    Unreachable(#[source] sqlx::Error),
    #[error(
        "the database of roster.url refuses the user or the password; mend them in roster.url or roster.password, or in their \
         files. The last good reading stands and nobody is removed because of it"
    )]
    Login(#[source] sqlx::Error),
    #[error(
        "roster.url names a database that is not there; the last good reading stands and nobody is removed because of it"
    )]
    NoDatabase(#[source] sqlx::Error),
    #[error(
        "the reading of the roster was cut short; the next poll reads it again, and until then the last good reading stands \
         and nobody is removed because of it. If it lasts: a reading may take 30 seconds, and a standby must not cancel it \
         (max_standby_streaming_delay)"
    )]
    Interrupted(#[source] sqlx::Error),
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
        told(self)
    }
}

/// The roster's database and query.
#[derive(Clone)]
pub struct Roster {
    pool: BoundedPool,
    query: String,
    max_rows: u32,
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roster")
            .field("database", self.pool.source())
            .field("query", &self.query)
            .field("max_rows", &self.max_rows)
            .finish()
    }
}

impl Roster {
    /// Prepares the source; connects at the first reading.
    pub fn new(login: Login, query: &str, max_rows: u32) -> Result<Self, RosterError> {
        let source = ConnectionSource::new(login, Session::ReadOnly).map_err(RosterError::Url)?;
        // A query may take its time before the first row, up to the limit of the session and of a reading.
        let pool = BoundedPool::new(source, CONNECTIONS).patient();
        Ok(Self { pool, query: query.trim().trim_end_matches(';').to_owned(), max_rows })
    }

    /// The pool, for a listener on the notify channel.
    pub fn pool(&self) -> &BoundedPool {
        &self.pool
    }

    /// Whether the query answers exactly the columns it must.
    pub async fn check(&self) -> Result<(), RosterError> {
        let mut reading = self.pool.begin_reading().await.map_err(classify)?;
        self.check_in(&mut reading).await?;
        reading.commit().await.map_err(classify)
    }

    async fn check_in(&self, reading: &mut BoundedTransaction) -> Result<(), RosterError> {
        // As it will be read: what is well alone, a comment at its end for example, may not be so inside. One row of nothing, for
        // its columns: a prepared statement would outlive the transaction, on a backend that may be another's then.
        let sql = format!("SELECT roster.* FROM (VALUES (1)) AS one LEFT JOIN (\n{}\n) AS roster ON false", self.query);
        let row =
            sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_one(&mut **reading).await.map_err(classify)?;
        let found: Vec<String> = row.columns().iter().map(|column| column.name().to_owned()).collect();
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
        let late = || RosterError::Interrupted(io::Error::from(io::ErrorKind::TimedOut).into());
        tokio::time::timeout(LONGEST_READING, self.read_all(server_name, bot)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn read_all(&self, server_name: &str, bot: &str) -> Result<RosterReading, RosterError> {
        let mut reading = self.pool.begin_reading().await.map_err(classify)?;
        self.check_in(&mut reading).await?;
        let [subject, team, role] = COLUMNS.map(|column| format!("left({column}::text, {}) AS {column}", LONGEST + 1));
        let limit = u64::from(self.max_rows) + 1;
        let sql = format!("SELECT {subject}, {team}, {role} FROM (\n{}\n) AS roster LIMIT {limit}", self.query);
        let mut rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch(&mut *reading);
        let mut reader = RosterReader::new(server_name, bot);
        while let Some(next) = rows.try_next().await.map_err(classify)? {
            if reader.rows() as u64 == u64::from(self.max_rows) {
                return Err(RosterError::TooManyRows { max: self.max_rows });
            }
            reader.take(row(&next).map_err(RosterError::Refused)?);
        }
        drop(rows);
        reading.commit().await.map_err(classify)?;
        Ok(reader.finish())
    }
}

fn row(row: &PgRow) -> sqlx::Result<RosterRow> {
    Ok(RosterRow { subject: row.try_get("subject")?, team: row.try_get("team")?, role: row.try_get("role")? })
}

/// By the SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn classify(error: sqlx::Error) -> RosterError {
    let code = match &error {
        sqlx::Error::Database(database) => database.code().map(|code| code.into_owned()),
        _ => return RosterError::Unreachable(error),
    };
    match code.as_deref().unwrap_or_default() {
        code if code.starts_with("28") => RosterError::Login(error),
        code if code.starts_with("3D") => RosterError::NoDatabase(error),
        // A standby cancels readers that are in the way of what it replays; a reading may take too long.
        "40001" | "57014" => RosterError::Interrupted(error),
        // The server going away, its lack of resources, the connection: the query is not to blame.
        code if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => RosterError::Unreachable(error),
        _ => RosterError::Refused(error),
    }
}
