//! How Postgres is reached, by the store, by the roster and by the doctor.

use std::io;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

/// How long [`reason`] tries.
const ATTEMPT: Duration = Duration::from_secs(2);

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
