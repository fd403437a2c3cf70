//! Leadership: who holds the advisory lock reconciles. Postgres gives it up with the connection, so a killed leader is
//! replaced as soon as Postgres notices.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use sqlx::postgres::{PgAdvisoryLock, PgAdvisoryLockKey, PgConnection};
use sqlx::{Connection, Either};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Store;
use crate::postgres::within;

/// "provis" in ASCII: the same number for every version of the service, so that two versions never reconcile at once.
const LOCK_KEY: i64 = 0x7072_6f76_6973;

/// How often the leader looks whether its connection still lives. Until it notices, another replica may have taken over:
/// both would do the same idempotent things for that long.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(2);

/// Longer than this without an answer is a lost connection.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long after the question of a heartbeat that was answered leadership is certain. A process that was frozen for longer asks
/// first: Postgres ends its session after [`SESSION_LIMITS`], and another leads.
const CERTAIN: Duration = Duration::from_secs(8);

/// How long anything asked for leadership may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What Postgres does with a session that holds the lock and says nothing: it ends it. As far as this version of Postgres and
/// this kind of connection know the settings.
pub(super) const SESSION_LIMITS: &str = "
    SELECT set_config(name, wanted, false) FROM pg_catalog.pg_settings
    JOIN (VALUES ('idle_session_timeout', '10s'), ('tcp_keepalives_idle', '4'), ('tcp_keepalives_interval', '2'),
                 ('tcp_keepalives_count', '3'), ('tcp_user_timeout', '10s')) AS limits (limited, wanted) ON name = limited";

/// Leadership, for as long as `lost` is not cancelled. Dropping it gives the lock back.
#[derive(Debug)]
pub struct Leadership {
    lost: CancellationToken,
    release: CancellationToken,
    lease: Lease,
}

/// Whether leadership is certain at this moment.
#[derive(Clone, Debug, Default)]
pub struct Lease(Option<Arc<Mutex<Instant>>>);

impl Lease {
    /// Of what reads alone.
    pub fn unlimited() -> Self {
        Self(None)
    }

    fn until(certain: Instant) -> Self {
        Self(Some(Arc::new(Mutex::new(certain))))
    }

    fn extend(&self, certain: Instant) {
        if let Some(until) = &self.0 {
            *until.lock() = certain;
        }
    }

    /// Whether something may be written now.
    pub fn holds(&self) -> bool {
        self.0.as_ref().is_none_or(|until| Instant::now() < *until.lock())
    }
}

impl Store {
    /// Takes leadership if nobody has it.
    pub async fn try_lead(&self) -> Result<Option<Leadership>> {
        let mut connection = self.pool.source().connect(PATIENCE).await.context("connect for leadership")?;
        let limits = sqlx::query(SESSION_LIMITS).execute(&mut connection);
        within(PATIENCE, limits).await.context("limit how long the lock outlives this process")?;
        let (lock, asked) = (PgAdvisoryLock::with_key(PgAdvisoryLockKey::BigInt(LOCK_KEY)), Instant::now());
        let guard = match within(PATIENCE, lock.try_acquire(connection)).await.context("ask for leadership")? {
            Either::Left(guard) => guard.leak(),
            Either::Right(connection) => {
                tokio::spawn(within(PATIENCE, connection.close()));
                return Ok(None);
            }
        };
        let (lost, release) = (CancellationToken::new(), CancellationToken::new());
        let lease = Lease::until(asked + CERTAIN);
        tokio::spawn(keep(guard, lost.clone(), release.clone(), lease.clone()));
        info!("this replica reconciles");
        Ok(Some(Leadership { lost, release, lease }))
    }
}

impl Leadership {
    /// Cancelled when leadership is lost: nothing may be written from then on.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// To be asked before each write: a process that was frozen does not know yet that it lost.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.release.cancel();
    }
}

/// Holds the connection, and with it the lock, until it dies or is given back.
async fn keep(mut connection: PgConnection, lost: CancellationToken, release: CancellationToken, lease: Lease) {
    let _lost_at_the_end = lost.drop_guard();
    loop {
        if release.run_until_cancelled(tokio::time::sleep(HEARTBEAT)).await.is_none() {
            // Closing the connection frees the lock; a failure to say goodbye frees it too, a little later.
            let _ = within(PATIENCE, connection.close()).await;
            return;
        }
        let asked = Instant::now();
        if within(HEARTBEAT_TIMEOUT, connection.ping()).await.is_err() {
            warn!("leadership is lost: its database connection died");
            return;
        }
        lease.extend(asked + CERTAIN);
    }
}
