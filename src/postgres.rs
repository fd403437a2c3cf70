//! How Postgres is reached, by the store, by the roster and by the doctor.
//!
//! A type that holds [`PgConnectOptions`] writes its own `Debug`, by [`place`].

use std::io;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

/// How long [`reason`] tries.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Which database it is, for `Debug`: that of [`PgConnectOptions`] shows the password.
pub fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    format!("{}@{}:{}/{database}", options.get_username(), options.get_host(), options.get_port())
}

/// One connection, or what is wrong, for example that nothing listens there. A pool would retry until its time is up, and
/// then report only that.
pub async fn connect(options: &PgConnectOptions, patience: Duration) -> sqlx::Result<PgConnection> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {patience:?}"));
    tokio::time::timeout(patience, PgConnection::connect_with(options)).await.map_err(|_| late())?
}

/// Why a pool gave no connection. Where it reports only that its time was up, one attempt of our own finds the reason. That
/// attempt succeeds where all connections of the pool were in use.
pub async fn reason(options: &PgConnectOptions, error: sqlx::Error) -> sqlx::Error {
    if !matches!(error, sqlx::Error::PoolTimedOut) {
        return error;
    }
    connect(options, ATTEMPT).await.err().unwrap_or(error)
}
