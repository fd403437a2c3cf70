//! How Postgres is reached, by the store, by the roster and by the doctor.

use std::io;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

/// How long [`reason`] tries.
const ATTEMPT: Duration = Duration::from_secs(2);

/// One connection, or what is wrong, for example that nothing listens there. A pool would try again until its time is up, and
/// then know of the time only.
pub async fn connect(options: &PgConnectOptions, patience: Duration) -> sqlx::Result<PgConnection> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {patience:?}"));
    tokio::time::timeout(patience, PgConnection::connect_with(options)).await.map_err(|_| late())?
}

/// Why a pool gave no connection. Where it knows of the time only, one attempt finds out more; unless that succeeds, because
/// all connections of the pool were in use.
pub async fn reason(options: &PgConnectOptions, error: sqlx::Error) -> sqlx::Error {
    if !matches!(error, sqlx::Error::PoolTimedOut) {
        return error;
    }
    connect(options, ATTEMPT).await.err().unwrap_or(error)
}
