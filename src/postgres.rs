//! How Postgres is reached, by the store and by the roster.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

/// One attempt takes no longer: a host that swallows packets is told of as what the pool said.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Why there is no connection. A pool tries until its time is up, and then says only that; one attempt of our own finds out
/// what is wrong, for example that nothing listens there. Any other error is its own reason.
pub async fn reason(options: &PgConnectOptions, error: sqlx::Error) -> sqlx::Error {
    if !matches!(error, sqlx::Error::PoolTimedOut) {
        return error;
    }
    match tokio::time::timeout(ATTEMPT, options.connect()).await {
        Ok(Err(reason)) => reason,
        // All connections of the pool were in use, or the attempt takes too long as well.
        Ok(Ok(connection)) => {
            PgConnection::close(connection).await.ok();
            error
        }
        Err(_) => error,
    }
}
