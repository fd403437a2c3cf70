//! Whether a session is ours alone. Behind a pooler in transaction mode each transaction may meet another backend: a lock of a
//! session then belongs to nobody, two replicas may lead, and what one client sets holds for others.

use sqlx::{Executor, Postgres, Row};
use thiserror::Error;

/// Backends are shared, which nothing here can work with.
#[derive(Debug, Error)]
#[error("{}; {}", Self::WHAT, Self::MEND)]
pub struct SharedSessions;

impl SharedSessions {
    pub const WHAT: &str = "a pooler in transaction mode stands before the database of database.url: locks and LISTEN need sessions \
                            of their own";
    pub const MEND: &str = "set pool_mode = session for it, or let database.url lead past the pooler";
}

/// How often it is looked again after the transaction: a pooler that goes round its backends hands out another then.
const LOOKS: usize = 3;

/// Whether two connections of one address share their backends. A transaction on the other one takes the backend that served us
/// last, or makes us meet another: in a pool of one, of many, and whichever is handed out first.
pub async fn shares_sessions<C>(one: &mut C, other: &mut C) -> sqlx::Result<bool>
where
    for<'c> &'c mut C: Executor<'c, Database = Postgres>,
{
    let before = backend(&mut *one).await?;
    (&mut *other).execute("BEGIN").await?;
    let beside = backend(&mut *other).await?;
    // In a pool of one backend, asking now would wait for the end of the transaction.
    let mut is_shared = before == beside || backend(&mut *one).await? != before;
    other.execute("ROLLBACK").await?;
    for _ in 0..LOOKS {
        is_shared = is_shared || backend(&mut *one).await? != before;
    }
    Ok(is_shared)
}

/// By the simple protocol: a prepared statement of ours may be another's there.
async fn backend<'c>(connection: impl Executor<'c, Database = Postgres>) -> sqlx::Result<i32> {
    sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await?.try_get(0)
}
