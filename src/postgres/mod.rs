//! How Postgres is reached, by the store, by the roster and by the doctor: every connection and every statement within a time.
//!
//! A type that holds [`PgConnectOptions`] writes its own `Debug`, by [`place`].

mod connection;
mod login;
mod pool;
mod pooler;
mod source;

use std::future::Future;
use std::io;
use std::time::Duration;

use humantime::format_duration;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

pub use connection::{BoundedConnection, BoundedTransaction};
pub use login::Login;
pub use pool::BoundedPool;
pub use pooler::{SharedSessions, shares_sessions};
pub use source::{ConnectionSource, Session};

/// Which database it is, for `Debug`: that of [`PgConnectOptions`] shows the password.
pub fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    format!("{}@{}:{}/{database}", options.get_username(), options.get_host(), options.get_port())
}

/// One connection as it is, or what is wrong, for example that nothing listens there.
pub async fn connect(options: &PgConnectOptions, patience: Duration) -> sqlx::Result<PgConnection> {
    within(patience, PgConnection::connect_with(options)).await
}

/// What is asked of a server, given up after so long.
pub async fn within<T>(limit: Duration, asked: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {}", format_duration(limit)));
    tokio::time::timeout(limit, asked).await.unwrap_or_else(|_| Err(late().into()))
}

/// Whether the server refuses the user or the password: a new one may be there.
pub fn is_password_refused(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().is_some_and(|code| code.starts_with("28")))
}
