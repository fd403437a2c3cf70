//! A connection of the pool and a transaction on it: what is asked has a deadline, and a connection about which there is any doubt
//! is closed.

use std::io;
use std::ops::{Deref, DerefMut};

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, TryStreamExt};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Either, Execute, Executor, Postgres, SqlStr};

use super::pool::BoundedPool;
use super::within;

/// A connection of the pool. It goes back only where no statement on it is without its end.
#[derive(Debug)]
pub struct BoundedConnection {
    inner: Option<PoolConnection<Postgres>>,
    pool: BoundedPool,
    /// The generation of the pool that it is of.
    number: u64,
    /// A statement began and has not ended, or its end says that the connection is of no use.
    is_doubtful: bool,
}

impl BoundedConnection {
    pub(super) fn new(inner: PoolConnection<Postgres>, pool: BoundedPool, number: u64) -> Self {
        Self { inner: Some(inner), pool, number, is_doubtful: false }
    }

    fn live(&mut self) -> &mut PgConnection {
        self.inner.as_mut().expect("it is taken only when it is dropped")
    }

    /// Does one thing on the connection, within its time.
    async fn within<T>(&mut self, doing: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>) -> sqlx::Result<T> {
        self.is_doubtful = true;
        let silence = self.pool.silence();
        let ended = within(silence, doing(self.live())).await;
        self.is_doubtful = ended.as_ref().err().is_some_and(spoils);
        ended
    }
}

impl Drop for BoundedConnection {
    fn drop(&mut self) {
        if self.is_doubtful {
            // Closed by dropping it: saying goodbye could hang like the statement did.
            drop(self.inner.take().map(PoolConnection::detach));
        }
    }
}

/// A transaction. Without a commit its connection is closed, and Postgres rolls it back.
#[derive(Debug)]
pub struct BoundedTransaction {
    connection: BoundedConnection,
    is_open: bool,
}

impl BoundedTransaction {
    /// `begin` says what kind of transaction it is.
    pub(super) async fn begin(mut connection: BoundedConnection, begin: &'static str) -> sqlx::Result<Self> {
        connection.execute(begin).await?;
        Ok(Self { connection, is_open: true })
    }

    /// Ends it.
    pub async fn commit(mut self) -> sqlx::Result<()> {
        self.connection.execute("COMMIT").await?;
        self.is_open = false;
        Ok(())
    }
}

impl Deref for BoundedTransaction {
    type Target = BoundedConnection;

    fn deref(&self) -> &BoundedConnection {
        &self.connection
    }
}

impl DerefMut for BoundedTransaction {
    fn deref_mut(&mut self) -> &mut BoundedConnection {
        &mut self.connection
    }
}

impl Drop for BoundedTransaction {
    fn drop(&mut self) {
        self.connection.is_doubtful |= self.is_open;
    }
}

pub(super) type QueryStep = sqlx::Result<Either<PgQueryResult, PgRow>>;

impl<'c> Executor<'c> for &'c mut BoundedConnection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, QueryStep>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async_stream::stream! {
            self.is_doubtful = true;
            let silence = self.pool.silence();
            let ended = {
                let mut steps = self.live().fetch_many(query);
                loop {
                    match within(silence, steps.try_next()).await {
                        Ok(Some(step)) => yield Ok(step),
                        Ok(None) => break Ok(()),
                        Err(error) => break Err(error),
                    }
                }
            };
            self.is_doubtful = ended.as_ref().err().is_some_and(spoils);
            if let Err(error) = ended {
                if is_silent(&error) {
                    self.pool.renew(self.number);
                }
                yield Err(error);
            }
        })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        first_row(self.fetch_many(query))
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'c: 'e,
    {
        Box::pin(self.within(async move |connection| connection.prepare_with(sql, parameters).await))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<sqlx::Describe<Postgres>>>
    where
        'c: 'e,
    {
        Box::pin(self.within(async move |connection| connection.describe(sql).await))
    }
}

/// The first row, after the statement has come to its end: a deferred constraint may speak last.
pub(super) fn first_row(mut steps: BoxStream<'_, QueryStep>) -> BoxFuture<'_, sqlx::Result<Option<PgRow>>> {
    Box::pin(async move {
        let mut first = None;
        while let Some(step) = steps.try_next().await? {
            if let Either::Right(row) = step {
                first.get_or_insert(row);
            }
        }
        Ok(first)
    })
}

fn is_silent(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

/// Whether a connection that gave this error is of no use: it is gone, or leads to a server that nobody can write to.
fn spoils(error: &sqlx::Error) -> bool {
    match error {
        // Read-only (25006: made to a server that is a standby now), a transaction that failed (25P02), and a server that goes
        // away (57P).
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| matches!(&*code, "25006" | "25P02") || code.starts_with("57P"))
        }
        sqlx::Error::RowNotFound | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => false,
        _ => true,
    }
}
