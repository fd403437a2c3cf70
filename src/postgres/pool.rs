//! A pool of connections on which nothing waits for ever: each statement has a deadline, and a connection about which there is
//! any doubt is not used again.
//!
//! sqlx bounds only the wait for a connection. A server that vanishes in the middle of an answer, or a host that is frozen,
//! would hold a statement until the kernel gives up, a quarter of an hour later.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt};
use parking_lot::RwLock;
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Connection, Execute, Executor, Postgres, SqlStr};

use super::connection::{BoundedConnection, BoundedTransaction, QueryStep, first_row};
use super::source::ConnectionSource;
use super::within;

/// How long the server may be silent: before the first row, or between two. Another replica takes over within 15 s where the
/// leader's statement hangs.
const SILENCE: Duration = Duration::from_secs(10);

/// The same for the few statements that look at very many rows.
const LONG_SILENCE: Duration = Duration::from_secs(110);

/// A transaction that only reads. The limits are for what our own deadlines leave behind.
const READING: &str =
    "BEGIN READ ONLY; SET LOCAL statement_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '60s'";

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
    /// Made anew when the server was silent or refused a password that can be read again: what hangs in the old one is left to the kernel.
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

    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    /// Where its connections come from.
    pub fn source(&self) -> &ConnectionSource {
        &self.shared.source
    }

    /// The pool as sqlx has it, for what needs one: a migration. Its owner bounds what it does there.
    pub fn unbounded(&self) -> PgPool {
        self.generation().pool
    }

    fn generation(&self) -> Generation {
        self.shared.pool.read().clone()
    }

    /// A connection, or why there is none.
    pub async fn acquire(&self) -> sqlx::Result<BoundedConnection> {
        match self.acquire_once().await {
            // The pool has the password of when it was made; the one that replaced it has what the file says now. A reading that
            // fails here would be made again at the next poll alone.
            Err(error) if self.is_outdated(&error) => self.acquire_once().await,
            acquired => acquired,
        }
    }

    async fn acquire_once(&self) -> sqlx::Result<BoundedConnection> {
        let Generation { pool, number } = self.generation();
        match pool.acquire().await {
            Ok(inner) => Ok(BoundedConnection::new(inner, self.clone(), number)),
            Err(error) => Err(self.reason(number, error).await),
        }
    }

    /// A listener, which keeps one connection of the pool, or why there is none. Its owner bounds what it does there, and asks
    /// again: then a password that was changed is there.
    pub async fn listener(&self) -> sqlx::Result<PgListener> {
        let Generation { pool, number } = self.generation();
        match PgListener::connect_with(&pool).await {
            Ok(listener) => Ok(listener),
            Err(error) => Err(self.reason(number, error).await),
        }
    }

    /// Why the pool that had this number gave no connection. Where another pool can help, it is made.
    async fn reason(&self, number: u64, error: sqlx::Error) -> sqlx::Error {
        self.shared.source.failed(&error);
        let reason = self.shared.source.reason(error).await;
        // Where a new connection could be had, those of the pool hang, or are all in use: both are helped by others.
        if self.is_outdated(&reason) || matches!(reason, sqlx::Error::PoolTimedOut) {
            self.renew(number);
        }
        reason
    }

    /// Whether the password was refused and another may be read. Where none can be, another pool would only end sessions that
    /// live.
    fn is_outdated(&self, reason: &sqlx::Error) -> bool {
        super::is_password_refused(reason) && self.shared.source.is_read_again()
    }

    /// Whether its sessions are shared with others, so that nothing of a session can be relied on.
    pub async fn shares_sessions(&self) -> sqlx::Result<bool> {
        let (mut one, mut other) = (self.acquire().await?, self.acquire().await?);
        super::shares_sessions(&mut one, &mut other).await
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> sqlx::Result<BoundedTransaction> {
        BoundedTransaction::begin(self.acquire().await?, "BEGIN").await
    }

    /// Begins a transaction that only reads, with limits of its own: they hold in any mode of a pooler, and for nobody else.
    pub async fn begin_reading(&self) -> sqlx::Result<BoundedTransaction> {
        BoundedTransaction::begin(self.acquire().await?, READING).await
    }

    /// Connects anew, with the password as it is now, unless that was done since the pool had this number. What was begun on
    /// the old connections ends there.
    pub(super) fn renew(&self, number: u64) {
        let mut now = self.shared.pool.write();
        if now.number == number {
            let fresh = Generation { pool: lazy(&self.shared.source, self.shared.connections), number: number + 1 };
            let old = std::mem::replace(&mut *now, fresh).pool;
            // Those who wait for a connection of the old one are told at once.
            tokio::spawn(async move { old.close().await });
        }
    }
}

fn lazy(source: &ConnectionSource, connections: u32) -> PgPool {
    let (session, noting) = (source.session(), source.clone());
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(Duration::from_secs(300))
        .test_before_acquire(false)
        .before_acquire(|connection, rested| {
            Box::pin(async move {
                if rested.idle_for > TRUSTED {
                    within(PING, connection.ping()).await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            noting.taken();
            Box::pin(session.begin(connection))
        })
        .connect_lazy_with(source.options())
}

impl<'p> Executor<'p> for &'p BoundedPool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, QueryStep>
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
