//! A pool of connections on which nothing waits for ever: each statement has a deadline, and a connection about which there is
//! any doubt is not used again.
//!
//! sqlx bounds only the wait for a connection. A server that vanishes in the middle of an answer, or a host that is frozen,
//! would hold a statement until the kernel gives up, a quarter of an hour later.

use std::fmt;
use std::future::Future;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Either, Execute, Executor, Postgres, SqlStr};

use super::source::ConnectionSource;

/// How long the server may be silent: before the first row, or between two. Another replica takes over within 15 s where the
/// leader's statement hangs.
const SILENCE: Duration = Duration::from_secs(10);

/// The same for the few statements that look at very many rows.
const LONG_SILENCE: Duration = Duration::from_secs(110);

/// How long is waited for a connection. A database that answers later is as good as gone.
const ACQUIRE: Duration = Duration::from_secs(5);

/// A connection that rested longer is asked whether it still lives before it is used. Asking each time would double the round
/// trips.
const TRUSTED: Duration = Duration::from_secs(1);

/// How long that may take: the next connection is tried then.
const PING: Duration = Duration::from_secs(1);

/// A pool of at most so many connections. Cheap to clone.
#[derive(Clone)]
pub struct BoundedPool {
    shared: Arc<Shared>,
    silence: Duration,
}

struct Shared {
    source: ConnectionSource,
    connections: u32,
    /// Made anew when the server was silent or refused the password: what hangs in the old one is left to the kernel.
    pool: RwLock<Generation>,
}

/// The pool and how often it was made anew.
#[derive(Clone)]
struct Generation {
    pool: PgPool,
    number: u64,
}

impl fmt::Debug for BoundedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoundedPool({:?})", self.shared.source)
    }
}

impl BoundedPool {
    /// Connects when it is first used.
    pub fn new(source: ConnectionSource, connections: u32) -> Self {
        let pool = RwLock::new(Generation { pool: lazy(&source, connections), number: 0 });
        Self { shared: Arc::new(Shared { source, connections, pool }), silence: SILENCE }
    }

    /// The same for statements that look at very many rows.
    pub fn patient(&self) -> Self {
        Self { silence: LONG_SILENCE, ..self.clone() }
    }

    /// Where its connections come from.
    pub fn source(&self) -> &ConnectionSource {
        &self.shared.source
    }

    /// The pool as sqlx has it, for what needs one: a listener or a migration. Its owner bounds what it does there.
    pub fn unbounded(&self) -> PgPool {
        self.generation().pool
    }

    fn generation(&self) -> Generation {
        self.shared.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A connection, or why there is none.
    pub async fn acquire(&self) -> sqlx::Result<BoundedConnection> {
        let Generation { pool, number } = self.generation();
        match self.shared.source.noted(pool.acquire().await) {
            Ok(inner) => Ok(BoundedConnection { inner: Some(inner), pool: self.clone(), number, is_doubtful: false }),
            Err(error) => {
                let reason = self.shared.source.reason(error).await;
                // Where a new connection could be had, those of the pool hang, or are all in use: both are helped by others.
                if super::is_password_refused(&reason) || matches!(reason, sqlx::Error::PoolTimedOut) {
                    self.renew(number);
                }
                Err(reason)
            }
        }
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> sqlx::Result<BoundedTransaction> {
        let mut connection = self.acquire().await?;
        connection.execute("BEGIN").await?;
        Ok(BoundedTransaction { connection, is_open: true })
    }

    /// Connects anew, with the password as it is now, unless that was done since the pool had this number. What was begun on
    /// the old connections ends there.
    fn renew(&self, number: u64) {
        let mut now = self.shared.pool.write().unwrap_or_else(PoisonError::into_inner);
        if now.number == number {
            let fresh = Generation { pool: lazy(&self.shared.source, self.shared.connections), number: number + 1 };
            let old = std::mem::replace(&mut *now, fresh).pool;
            // Those who wait for a connection of the old one are told at once.
            tokio::spawn(async move { old.close().await });
        }
    }
}

fn lazy(source: &ConnectionSource, connections: u32) -> PgPool {
    let session = source.session();
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(Duration::from_secs(300))
        .test_before_acquire(false)
        .before_acquire(|connection, rested| {
            Box::pin(async move {
                if rested.idle_for > TRUSTED {
                    let alive = tokio::time::timeout(PING, sqlx::Connection::ping(connection)).await;
                    alive.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| Box::pin(session.begin(connection)))
        .connect_lazy_with(source.options())
}

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
    fn live(&mut self) -> &mut PgConnection {
        self.inner.as_mut().expect("it is taken only when it is dropped")
    }

    /// Does one thing on the connection, within its time.
    async fn within<T>(&mut self, doing: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>) -> sqlx::Result<T> {
        self.is_doubtful = true;
        let silence = self.pool.silence;
        let ended = in_time(silence, doing(self.live())).await;
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

type Step = sqlx::Result<Either<PgQueryResult, PgRow>>;

impl<'c> Executor<'c> for &'c mut BoundedConnection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Step>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async_stream::stream! {
            self.is_doubtful = true;
            let ended = {
                let inner = self.inner.as_mut().expect("it is taken only when it is dropped");
                let mut steps = (&mut **inner).fetch_many(query);
                loop {
                    match in_time(self.pool.silence, steps.try_next()).await {
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

impl<'p> Executor<'p> for &'p BoundedPool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Step>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async_stream::stream! {
            match self.acquire().await {
                Err(error) => yield Err(error),
                Ok(mut connection) => {
                    let mut steps = connection.fetch_many(query);
                    while let Some(step) = steps.next().await {
                        yield step;
                    }
                }
            }
        })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        first_row(self.fetch_many(query))
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'p: 'e,
    {
        Box::pin(async move { self.acquire().await?.prepare_with(sql, parameters).await })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<sqlx::Describe<Postgres>>>
    where
        'p: 'e,
    {
        Box::pin(async move { self.acquire().await?.describe(sql).await })
    }
}

/// The first row, after the statement has come to its end: a deferred constraint may speak last.
fn first_row(mut steps: BoxStream<'_, Step>) -> BoxFuture<'_, sqlx::Result<Option<PgRow>>> {
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

async fn in_time<T>(silence: Duration, doing: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let late = || {
        let silence = humantime::format_duration(silence);
        sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, format!("the database was silent for {silence}")))
    };
    tokio::time::timeout(silence, doing).await.unwrap_or_else(|_| Err(late()))
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
