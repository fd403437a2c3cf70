//! Leadership: who holds the advisory lock reconciles. Postgres gives it up with the connection, so a killed leader is
//! replaced as soon as Postgres notices.

use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::postgres::{PgAdvisoryLock, PgAdvisoryLockKey, PgConnection};
use sqlx::{Connection, Either};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Store;

/// "provis" in ASCII: the same number for every version of the service, so that two versions never reconcile at once.
const LOCK_KEY: i64 = 0x7072_6f76_6973;

/// How often the leader looks whether its connection still lives. Until it notices, another replica may have taken over:
/// both would do the same idempotent things for that long.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Longer than this without an answer is a lost connection.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// Leadership, for as long as `lost` is not cancelled. Dropping it gives the lock back.
#[derive(Debug)]
pub struct Leadership {
    lost: CancellationToken,
    release: CancellationToken,
}

impl Store {
    /// Takes leadership if nobody has it.
    pub async fn try_lead(&self) -> Result<Option<Leadership>> {
        let connection = PgConnection::connect_with(&self.options).await.context("connect for leadership")?;
        let lock = PgAdvisoryLock::with_key(PgAdvisoryLockKey::BigInt(LOCK_KEY));
        let guard = match lock.try_acquire(connection).await.context("ask for leadership")? {
            Either::Left(guard) => guard.leak(),
            Either::Right(_) => return Ok(None),
        };
        let (lost, release) = (CancellationToken::new(), CancellationToken::new());
        tokio::spawn(keep(guard, lost.clone(), release.clone()));
        info!("this replica reconciles");
        Ok(Some(Leadership { lost, release }))
    }
}

impl Leadership {
    /// Cancelled when leadership is lost: nothing may be written from then on.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.release.cancel();
    }
}

/// Holds the connection, and with it the lock, until it dies or is given back.
async fn keep(mut connection: PgConnection, lost: CancellationToken, release: CancellationToken) {
    let _lost_at_the_end = lost.drop_guard();
    loop {
        tokio::select! {
            () = release.cancelled() => {
                // Closing the connection frees the lock; a failure to say goodbye frees it too, a little later.
                let _ = connection.close().await;
                return;
            }
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
        let alive = tokio::time::timeout(HEARTBEAT_TIMEOUT, connection.ping()).await;
        if !matches!(alive, Ok(Ok(()))) {
            warn!("leadership is lost: its database connection died");
            return;
        }
    }
}
