//! Names and pictures: the configured query against the database where teams live, read-only.

use std::fmt;
use std::io;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Column, Row};
use thiserror::Error;

use crate::causes::told;
use crate::postgres::{BoundedPool, BoundedTransaction, ConnectionSource, Login, Session};

/// What the query must answer, in any order.
const COLUMNS: [&str; 3] = ["subject", "display_name", "avatar_url"];

/// The longest values, in characters: longer ones are cut, and a cut address is none. A signed one has about a thousand.
const LONGEST: [usize; 3] = [256, 1000, 8192];

/// A reading that takes longer is tried again later; a look at a few people is waited for much shorter.
const LONGEST_READING: Duration = Duration::from_secs(35);
const LONGEST_LOOK: Duration = Duration::from_secs(3);

/// The columns are looked at once, at the start, which waits no longer for the roster's either.
const LONGEST_CHECK: Duration = Duration::from_secs(10);

/// One reads the whole, while one looks for a few.
const CONNECTIONS: u32 = 2;

/// Why names and pictures cannot be read.
#[derive(Debug, Error)]
pub enum ProfilesError {
    #[error(
        "roster.url, or without it database.url, is not a Postgres URL; write it like postgres://user:password@host/database"
    )]
    Url(#[source] sqlx::Error),
    #[error("the database of profiles.query (that of roster.url) cannot be reached, or does not answer in time")]
    Unreachable(#[source] sqlx::Error),
    #[error(
        "profiles.query is refused by Postgres; mend the query, or grant SELECT on its tables to the role of roster.url"
    )]
    Refused(#[source] sqlx::Error),
    #[error(
        "profiles.query answers the columns ({}), and must answer exactly (subject, display_name, avatar_url); rename them in the \
         query, as in SELECT id::text AS subject, NULL AS display_name, avatar_url FROM users",
        found.join(", ")
    )]
    Columns { found: Vec<String> },
    #[error(
        "profiles.query answers more than roster.max_rows = {max} rows; let it answer one row for each person, or raise \
         roster.max_rows"
    )]
    TooManyRows { max: u32 },
}

impl ProfilesError {
    /// Whether waiting cannot help: somebody has to change the configuration.
    pub fn is_misconfigured(&self) -> bool {
        matches!(self, Self::Url(_) | Self::Columns { .. })
    }

    /// The whole chain in one line.
    pub fn chain(&self) -> String {
        told(self)
    }
}

/// What one row says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileRow {
    pub subject: Option<String>,
    pub display_name: Option<String>,
    pub avatar_url: Option<String>,
}

/// The database and the query.
#[derive(Clone)]
pub struct ProfileSource {
    pool: BoundedPool,
    query: String,
    max_rows: u32,
}

impl fmt::Debug for ProfileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileSource").field("database", self.pool.source()).field("query", &self.query).finish()
    }
}

impl ProfileSource {
    /// Prepares the source; connects at the first reading.
    pub fn new(login: Login, query: &str, max_rows: u32) -> Result<Self, ProfilesError> {
        let source = ConnectionSource::new(login, Session::ReadOnly).map_err(ProfilesError::Url)?;
        let pool = BoundedPool::new(source, CONNECTIONS).patient();
        Ok(Self { pool, query: query.trim().trim_end_matches(';').to_owned(), max_rows })
    }

    /// Whether the query answers exactly the columns it must.
    pub async fn check(&self) -> Result<(), ProfilesError> {
        in_time(LONGEST_CHECK, async {
            let mut reading = self.pool.begin_reading().await.map_err(classify)?;
            self.check_in(&mut reading).await?;
            reading.commit().await.map_err(classify)
        })
        .await
    }

    async fn check_in(&self, reading: &mut BoundedTransaction) -> Result<(), ProfilesError> {
        // One row of nothing, for its columns; as it will be read, where a comment at its end is none of ours.
        let sql =
            format!("SELECT profiles.* FROM (VALUES (1)) AS one LEFT JOIN (\n{}\n) AS profiles ON false", self.query);
        let row =
            sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_one(&mut **reading).await.map_err(classify)?;
        let found: Vec<String> = row.columns().iter().map(|column| column.name().to_owned()).collect();
        let (mut sorted, mut wanted): (Vec<&str>, _) = (found.iter().map(String::as_str).collect(), COLUMNS);
        sorted.sort_unstable();
        wanted.sort_unstable();
        if sorted == wanted { Ok(()) } else { Err(ProfilesError::Columns { found }) }
    }

    /// Reads every row, one by one.
    pub async fn read(&self, mut take: impl FnMut(ProfileRow)) -> Result<(), ProfilesError> {
        in_time(LONGEST_READING, async {
            let mut reading = self.pool.begin_reading().await.map_err(classify)?;
            self.check_in(&mut reading).await?;
            let sql = format!("{} LIMIT {}", self.select(), u64::from(self.max_rows) + 1);
            let mut rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch(&mut *reading);
            let mut taken: u32 = 0;
            while let Some(next) = rows.try_next().await.map_err(classify)? {
                if taken == self.max_rows {
                    return Err(ProfilesError::TooManyRows { max: self.max_rows });
                }
                taken += 1;
                take(row(&next)?);
            }
            drop(rows);
            reading.commit().await.map_err(classify)
        })
        .await
    }

    /// The rows of a few people, by what their subjects are in small letters.
    pub async fn find(&self, subjects: &[String]) -> Result<Vec<ProfileRow>, ProfilesError> {
        in_time(LONGEST_LOOK, async {
            let mut reading = self.pool.begin_reading().await.map_err(classify)?;
            let sql = format!("{} WHERE lower(subject::text) = ANY($1)", self.select());
            let rows = sqlx::query(AssertSqlSafe(sql))
                .persistent(false)
                .bind(subjects)
                .fetch_all(&mut *reading)
                .await
                .map_err(classify)?;
            reading.commit().await.map_err(classify)?;
            rows.iter().map(row).collect()
        })
        .await
    }

    /// The columns are cast to text here, so that an uncast uuid is no error, and cut, so that a huge value stays where it is.
    fn select(&self) -> String {
        let columns: Vec<String> = COLUMNS
            .iter()
            .zip(LONGEST)
            .map(|(column, longest)| format!("left({column}::text, {}) AS {column}", longest + 1))
            .collect();
        format!("SELECT {} FROM (\n{}\n) AS profiles", columns.join(", "), self.query)
    }
}

async fn in_time<T>(
    limit: Duration,
    reading: impl Future<Output = Result<T, ProfilesError>>,
) -> Result<T, ProfilesError> {
    let late = || ProfilesError::Unreachable(io::Error::from(io::ErrorKind::TimedOut).into());
    tokio::time::timeout(limit, reading).await.unwrap_or_else(|_| Err(late()))
}

fn row(row: &PgRow) -> Result<ProfileRow, ProfilesError> {
    let text = |column: &str| row.try_get(column).map_err(ProfilesError::Refused);
    Ok(ProfileRow { subject: text("subject")?, display_name: text("display_name")?, avatar_url: text("avatar_url")? })
}

/// By the SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>. The server going away, its lack of resources,
/// the connection, a login: the query is not to blame.
fn classify(error: sqlx::Error) -> ProfilesError {
    let code = match &error {
        sqlx::Error::Database(database) => database.code().map(|code| code.into_owned()),
        _ => return ProfilesError::Unreachable(error),
    };
    let passes = |code: &str| ["08", "28", "3D", "40", "53", "57"].iter().any(|class| code.starts_with(class));
    match code.as_deref().unwrap_or_default() {
        code if passes(code) => ProfilesError::Unreachable(error),
        _ => ProfilesError::Refused(error),
    }
}
