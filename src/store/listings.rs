//! Listings of the pool: how far each came, and whether what they say is whole.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgAdvisoryLock, PgAdvisoryLockKey, PgConnection};
use sqlx::{Connection, Either};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Store;
use super::accounts::{mark_folded, wake};
use super::leadership::{HEARTBEAT, SESSION_LIMITS};
use crate::postgres::within;

/// "listing" in ASCII: one listing at a time, whichever replica or command makes it.
const LOCK_KEY: i64 = 0x006c_6973_7469_6e67;

/// How long connecting for it, and anything asked for it, may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A miss counts so long after the one before it. Cognito's listings run late, and two that follow one another at once, by a
/// restart or by hand, would say the same wrong thing twice.
const MISSES_APART: Duration = Duration::from_secs(10 * 60);

/// A listing of the pool.
#[derive(Clone, Debug)]
pub struct Listing {
    pub id: i64,
    pub started_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub pages: i32,
    pub users: i64,
    pub next_token: Option<String>,
    pub completed_at: Option<DateTime<Utc>>,
    pub trouble: Option<String>,
}

/// The right to list, for as long as it is kept. A process that was frozen may have lost it and not know yet: a listing counts
/// once, whichever of two ends it.
#[derive(Debug)]
pub struct ListingLock {
    lost: CancellationToken,
    release: DropGuard,
    kept: JoinHandle<()>,
}

impl ListingLock {
    /// Cancelled when it is lost: another process may list from then on.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Gives it back.
    pub async fn release(self) {
        drop(self.release);
        let _ = self.kept.await;
    }
}

/// Holds the connection, and with it the lock, until it dies or is given back. That it died is told by the one who lists.
async fn keep(mut connection: PgConnection, lost: CancellationToken, release: CancellationToken) {
    let _lost_at_the_end = lost.drop_guard();
    while release.run_until_cancelled(tokio::time::sleep(HEARTBEAT)).await.is_some() {
        if within(CONNECT, connection.ping()).await.is_err() {
            return;
        }
    }
    // Closing the connection frees the lock; a failure to say goodbye frees it too, a little later.
    let _ = within(CONNECT, connection.close()).await;
}

impl Store {
    /// The right to list the pool, unless somebody else is listing.
    pub async fn try_list(&self) -> sqlx::Result<Option<ListingLock>> {
        let mut connection = self.pool.source().connect(CONNECT).await?;
        // Before it has the lock: one that is frozen in between would keep it without a limit.
        within(CONNECT, sqlx::query(SESSION_LIMITS).execute(&mut connection)).await?;
        let lock = PgAdvisoryLock::with_key(PgAdvisoryLockKey::BigInt(LOCK_KEY));
        let connection = match within(CONNECT, lock.try_acquire(connection)).await? {
            Either::Left(guard) => guard.leak(),
            Either::Right(_) => return Ok(None),
        };
        let (lost, release) = (CancellationToken::new(), CancellationToken::new());
        let kept = tokio::spawn(keep(connection, lost.clone(), release.clone()));
        Ok(Some(ListingLock { lost, release: release.drop_guard(), kept }))
    }

    /// How long ago the newest listing was ended, by the database's clock; `None` where it is not whole.
    pub async fn listing_age(&self) -> sqlx::Result<Option<Duration>> {
        let age = sqlx::query_scalar!(
            "SELECT EXTRACT(epoch FROM clock_timestamp() - completed_at)::float8 AS age
             FROM provisioner.listings WHERE abandoned_at IS NULL ORDER BY id DESC LIMIT 1",
        )
        .fetch_optional(&self.pool)
        .await?;
        // One of the future was ended now.
        Ok(age.flatten().map(|age| Duration::try_from_secs_f64(age).unwrap_or_default()))
    }

    /// The newest listing, whole or not.
    pub async fn last_listing(&self) -> sqlx::Result<Option<Listing>> {
        sqlx::query_as!(
            Listing,
            "SELECT id, started_at, updated_at, pages, users, next_token, completed_at, trouble
             FROM provisioner.listings WHERE abandoned_at IS NULL ORDER BY id DESC LIMIT 1",
        )
        .fetch_optional(&self.pool)
        .await
    }

    /// The newest listing that is whole.
    pub async fn last_whole_listing(&self) -> sqlx::Result<Option<Listing>> {
        sqlx::query_as!(
            Listing,
            "SELECT id, started_at, updated_at, pages, users, next_token, completed_at, trouble
             FROM provisioner.listings WHERE completed_at IS NOT NULL ORDER BY id DESC LIMIT 1",
        )
        .fetch_optional(&self.pool)
        .await
    }

    /// Begins a listing; one that was not finished is given up, and its trouble lasts until a page is read: to begin is no word of
    /// the pool. The newest hundred are kept, and the newest whole one.
    pub async fn begin_listing(&self) -> sqlx::Result<Listing> {
        sqlx::query!(
            "DELETE FROM provisioner.listings
             WHERE id <= (SELECT max(id) - 99 FROM provisioner.listings)
               AND id IS DISTINCT FROM (SELECT max(id) FROM provisioner.listings WHERE completed_at IS NOT NULL)"
        )
        .execute(&self.pool)
        .await?;
        sqlx::query_as!(
            Listing,
            "WITH given_up AS (
               UPDATE provisioner.listings SET abandoned_at = now() WHERE completed_at IS NULL AND abandoned_at IS NULL
               RETURNING trouble
             )
             INSERT INTO provisioner.listings (trouble) SELECT max(trouble) FROM given_up
             RETURNING id, started_at, updated_at, pages, users, next_token, completed_at, trouble",
        )
        .fetch_one(&self.pool)
        .await
    }

    /// Notes a page that was recorded, and where the next one starts. `trouble` is what the listing still suffers from all the
    /// same; where it had any and has none now, the reconciling replica is woken, which takes nothing meanwhile. After the last
    /// page trouble lasts until the listing is whole: it may name nobody at all.
    pub async fn advance_listing(
        &self,
        id: i64,
        users: i64,
        next_token: Option<&str>,
        trouble: Option<&str>,
    ) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        let is_over = sqlx::query_scalar!(
            r#"WITH before AS (SELECT id, trouble FROM provisioner.listings WHERE id = $1 FOR UPDATE)
               UPDATE provisioner.listings AS its
               SET pages = pages + 1, users = users + $2, next_token = $3::text, updated_at = now(),
                   trouble = COALESCE($4::text, CASE WHEN $3::text IS NULL THEN before.trouble END)
               FROM before
               WHERE its.id = before.id AND completed_at IS NULL AND abandoned_at IS NULL
               RETURNING before.trouble IS NOT NULL AND its.trouble IS NULL AS "is_over!""#,
            id,
            users,
            next_token,
            trouble,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        if is_over == Some(true) {
            wake(&mut transaction).await?;
        }
        transaction.commit().await
    }

    /// Notes the trouble of a listing and wakes the reconciling replica: nobody counts as missing until a listing is whole. One that
    /// another process has ended or given up has no trouble any more.
    pub async fn trouble_listing(&self, id: i64, trouble: &str) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        let noted = sqlx::query!(
            "UPDATE provisioner.listings SET trouble = $2, updated_at = now()
             WHERE id = $1 AND completed_at IS NULL AND abandoned_at IS NULL",
            id,
            trouble,
        )
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if noted > 0 {
            wake(&mut transaction).await?;
        }
        transaction.commit().await
    }

    /// Accounts that this listing did not name and that one before it missed, those first that have been missed for longest: some
    /// would count as deleted at its end.
    pub async fn missed_again(&self, id: i64, limit: i64) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar!(
            "SELECT accounts.subject FROM provisioner.accounts, provisioner.listings AS its
             WHERE its.id = $1 AND accounts.listing IS DISTINCT FROM $1 AND accounts.last_seen < its.started_at
               AND accounts.state IN ('active', 'disabled') AND accounts.missed > 0
             ORDER BY accounts.missed_at, accounts.subject LIMIT $2",
            id,
            limit,
        )
        .fetch_all(&self.pool.patient())
        .await
    }

    /// Lets none of them count as deleted at the end of this listing but those that are `absent`: the miss of the others is as new
    /// as this listing.
    pub async fn keep_missed(&self, id: i64, absent: &[String]) -> sqlx::Result<()> {
        sqlx::query!(
            "UPDATE provisioner.accounts SET missed_at = now() FROM provisioner.listings AS its
             WHERE its.id = $1 AND accounts.listing IS DISTINCT FROM $1 AND accounts.last_seen < its.started_at
               AND accounts.state IN ('active', 'disabled') AND accounts.missed > 0
               AND NOT EXISTS (SELECT FROM UNNEST($2::text[]) AS lacked (subject) WHERE lacked.subject = accounts.subject)",
            id,
            absent,
        )
        .execute(&self.pool.patient())
        .await
        .map(drop)
    }

    /// Ends a whole listing. Accounts known before it that it did not name are missed, and are deleted when the miss before was
    /// [`MISSES_APART`] ago; one sooner than that does not count. The pool was asked for them before, and those that it was not
    /// asked for are [kept](Store::keep_missed). A listing counts once: of one that another process has ended or
    /// given up nothing is made. That an account is deleted is what was heard while this listing was made: an answer that was asked
    /// for before it does not bring the account back. Returns how many were missed, and how many of those count as deleted now.
    pub async fn complete_listing(&self, id: i64) -> sqlx::Result<(u64, u64)> {
        let mut transaction = self.pool.patient().begin().await?;
        let is_ours = sqlx::query!(
            "UPDATE provisioner.listings SET completed_at = now(), updated_at = now(), next_token = NULL, trouble = NULL
             WHERE id = $1 AND completed_at IS NULL AND abandoned_at IS NULL",
            id,
        )
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if is_ours == 0 {
            return Ok((0, 0));
        }
        let ended = sqlx::query!(
            r#"WITH next AS (
                 UPDATE provisioner.accounts_revision SET revision = revision + 1 RETURNING revision, now() - make_interval(secs => $2) AS counts_until
               ), missed AS (
                 UPDATE provisioner.accounts SET
                     missed = CASE WHEN missed = 0 OR missed_at <= counts_until THEN missed + 1 ELSE missed END,
                     missed_at = CASE WHEN missed_at > counts_until THEN missed_at ELSE now() END,
                     state = CASE WHEN missed >= 1 AND missed_at <= counts_until THEN 'deleted' ELSE state END,
                     state_since = CASE WHEN missed >= 1 AND missed_at <= counts_until THEN now() ELSE state_since END,
                     last_seen = CASE WHEN missed >= 1 AND missed_at <= counts_until
                                      THEN its.started_at ELSE accounts.last_seen END,
                     revision = CASE WHEN missed >= 1 AND missed_at <= counts_until
                                     THEN next.revision ELSE accounts.revision END
                 FROM next, provisioner.listings AS its
                 WHERE its.id = $1 AND accounts.listing IS DISTINCT FROM $1 AND accounts.last_seen < its.started_at
                   AND accounts.state IN ('active', 'disabled')
                 RETURNING accounts.state
               )
               SELECT count(*) AS "missed!", count(*) FILTER (WHERE state = 'deleted') AS "deleted!" FROM missed"#,
            id,
            MISSES_APART.as_secs_f64(),
        )
        .fetch_one(&mut *transaction)
        .await?;
        if ended.deleted > 0 {
            let folded = sqlx::query_scalar!("SELECT DISTINCT user_id FROM provisioner.accounts WHERE folded")
                .fetch_all(&mut *transaction)
                .await?;
            mark_folded(&mut transaction, &folded).await?;
        }
        wake(&mut transaction).await?;
        transaction.commit().await?;
        Ok((ended.missed.unsigned_abs(), ended.deleted.unsigned_abs()))
    }

    /// How many accounts the store takes for active or disabled.
    pub async fn count_open_accounts(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM provisioner.accounts WHERE state IN ('active', 'disabled')"#
        )
        .fetch_one(&self.pool)
        .await
    }
}
