//! The account store: who has an account upstream, and what this service did to it.

use chrono::{DateTime, Utc};
use provisioner_policy::{Account, Closed};

use super::{ACCOUNTS_CHANNEL, Store};
use crate::postgres::BoundedConnection;

/// How long a denial may be on its way from the pool to the store: who gets something meanwhile is asked for again only if that is
/// heard of before the denial is written.
const DENIAL_LASTS: f64 = 10.0;

text_enum! {
    /// Where the store learnt of an account.
    pub enum AccountSource {
        Queue = "queue",
        Pool = "pool",
        /// The roster named it, and the pool confirmed it when asked.
        Roster = "roster",
        /// Somebody named it in the Staff room, and the pool confirmed it when asked.
        Command = "command",
    }
}

/// An account as it was seen upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenAccount {
    pub subject: String,
    pub user_id: String,
    /// Disabled rather than active.
    pub disabled: bool,
    pub display_name: Option<String>,
}

impl SeenAccount {
    fn state(&self) -> &'static str {
        if self.disabled { "disabled" } else { "active" }
    }
}

/// The listing or the message in which an account was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeenIn<'a> {
    /// The listing of the pool.
    pub listing: Option<i64>,
    /// The message of the queue.
    pub message_id: Option<&'a str>,
}

/// What is known of an account that is about to be made.
#[derive(Clone, Debug)]
pub struct AccountOrigin {
    pub user_id: String,
    pub display_name: Option<String>,
    pub source: String,
    pub message_id: Option<String>,
}

impl AccountOrigin {
    /// Where the account came from, for the ledger.
    pub fn words(&self) -> String {
        match (self.source.as_str(), &self.message_id) {
            ("queue", Some(message_id)) => format!("confirmed by message {message_id} of the queue"),
            ("pool", _) => "found by the pool's listing".to_owned(),
            ("command", _) => "named in the Staff room and confirmed by the pool".to_owned(),
            (_, _) => "named by the roster and confirmed by the pool".to_owned(),
        }
    }
}

/// A row that changed.
#[derive(Clone, Debug)]
pub struct AccountRow {
    pub subject: String,
    pub user_id: String,
    pub state: String,
    pub folded: bool,
    pub closed: Option<String>,
    /// The name in the pool, where that was asked for.
    pub display_name: Option<String>,
    pub revision: i64,
}

impl AccountRow {
    /// What it says of the account.
    pub fn account(&self) -> Account {
        match self.state.as_str() {
            "active" => Account::Active,
            "disabled" => Account::Disabled,
            "deleted" => Account::Deleted,
            _ => Account::Refused,
        }
    }

    /// What this service did to it.
    pub fn closed(&self) -> Option<Closed> {
        self.closed.as_deref()?.parse().ok()
    }
}

/// How far the accounts were read: by revision, and by subject within it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountsRead {
    pub revision: i64,
    pub subject: String,
}

impl Store {
    /// Records accounts that were seen, and wakes the reconciling replica where anything is new. Returns how many are.
    /// `seen_in` is where they were named, and `asked` when the pool was asked, by the database's clock.
    ///
    /// Of two answers about an account the one that was asked for last counts, whichever comes first: `last_seen` is when that was,
    /// and an older answer changes nothing. It need not mark its listing either: that asks at its end who was seen since it began.
    /// What was asked in the future was so by another server's clock. A subject that was refused is confirmed by any answer.
    ///
    /// The members of groups are seen every minute: a row is written where it says something else, or was seen before the newest
    /// listing began. A user that was asked for alone is always written: an older answer that says otherwise may be on its way.
    pub async fn record_accounts(
        &self,
        seen: &[SeenAccount],
        source: AccountSource,
        seen_in: SeenIn<'_>,
        asked: DateTime<Utc>,
    ) -> sqlx::Result<u64> {
        let mut seen: Vec<&SeenAccount> = seen.iter().collect();
        // One statement cannot change a row twice.
        seen.sort_by(|a, b| a.subject.cmp(&b.subject));
        seen.dedup_by(|a, b| a.subject == b.subject);
        if seen.is_empty() {
            return Ok(0);
        }
        let column = |of: fn(&SeenAccount) -> String| seen.iter().map(|one| of(one)).collect::<Vec<_>>();
        let subjects = column(|one| one.subject.clone());
        let user_ids = column(|one| one.user_id.clone());
        let states = column(|one| one.state().to_owned());
        let names: Vec<Option<String>> = seen.iter().map(|one| one.display_name.clone()).collect();
        let mut transaction = self.pool.begin().await?;
        let changed = sqlx::query_scalar!(
            r#"WITH next AS (
                 UPDATE provisioner.accounts_revision SET revision = revision + 1 RETURNING revision
               ), recorded AS (
                 INSERT INTO provisioner.accounts
                     (subject, user_id, state, source, display_name, listing, message_id, last_seen, revision)
                 SELECT subject, user_id, state, $5, display_name, $6, $7, $8::timestamptz, next.revision
                 FROM next, UNNEST($1::text[], $2::text[], $3::text[], $4::text[])
                          AS seen (subject, user_id, state, display_name)
                 ON CONFLICT (subject) DO UPDATE SET
                     state = excluded.state,
                     state_since = CASE WHEN accounts.state = excluded.state THEN accounts.state_since ELSE now() END,
                     display_name = COALESCE(excluded.display_name, accounts.display_name),
                     last_seen = excluded.last_seen,
                     listing = COALESCE(excluded.listing, accounts.listing),
                     missed = 0,
                     missed_at = NULL,
                     -- Who was refused is confirmed by this source, and not by the one that named them in vain.
                     source = CASE WHEN accounts.state = 'refused' THEN excluded.source ELSE accounts.source END,
                     message_id = CASE WHEN accounts.state = 'refused' THEN excluded.message_id ELSE accounts.message_id END,
                     revision = CASE WHEN accounts.state = excluded.state
                                      AND accounts.display_name IS NOT DISTINCT FROM
                                          COALESCE(excluded.display_name, accounts.display_name)
                                     THEN accounts.revision ELSE excluded.revision END
                 -- Not now(): a process that was frozen in this transaction would take a newer answer for one of the future.
                 WHERE (accounts.last_seen <= excluded.last_seen OR accounts.last_seen > clock_timestamp()
                        OR accounts.state = 'refused')
                   AND ((accounts.state, accounts.missed, accounts.listing, accounts.display_name) IS DISTINCT FROM
                        (excluded.state, 0, COALESCE(excluded.listing, accounts.listing),
                         COALESCE(excluded.display_name, accounts.display_name))
                        OR accounts.last_seen < COALESCE((SELECT max(started_at) FROM provisioner.listings), 'infinity')
                        OR excluded.source <> 'pool')
                 RETURNING revision
               )
               SELECT count(*) AS "changed!" FROM recorded, next WHERE recorded.revision = next.revision"#,
            &subjects,
            &user_ids,
            &states,
            &names as &[Option<String>],
            source.as_str(),
            seen_in.listing,
            seen_in.message_id,
            asked,
        )
        .fetch_one(&mut *transaction)
        .await?;
        if changed > 0 {
            mark_folded(&mut transaction, &user_ids).await?;
            wake(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(changed.unsigned_abs())
    }

    /// Whether an account is recorded in the state in which it was seen.
    pub async fn has_account(&self, seen: &SeenAccount) -> sqlx::Result<bool> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM provisioner.accounts WHERE subject = $1 AND state = $2) AS "is_there!""#,
            seen.subject,
            seen.state(),
        )
        .fetch_one(&self.pool)
        .await
    }

    /// Records that the pool, asked at `asked`, did not confirm a subject; `false` where that is too long ago to be said of now. One
    /// that is known stays what it is, and nobody is woken for it. A denial again is news to the reconciling replica: the one before
    /// may be older than what its user has by now. So may be this one, if it waited for a lock or its process was frozen.
    pub async fn refuse_account(
        &self,
        subject: &str,
        user_id: &str,
        source: AccountSource,
        asked: DateTime<Utc>,
    ) -> sqlx::Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let written = sqlx::query!(
            r#"WITH next AS (
                 UPDATE provisioner.accounts_revision SET revision = revision + 1
                 WHERE NOT EXISTS (SELECT FROM provisioner.accounts WHERE subject = $1 AND state <> 'refused')
                 RETURNING revision
               ), fresh AS (
                 -- Not now(): the lock on the revision may have been waited for.
                 SELECT revision FROM next WHERE clock_timestamp() < $4::timestamptz + make_interval(secs => $5)
               ), refused AS (
                 INSERT INTO provisioner.accounts (subject, user_id, state, source, revision)
                 SELECT $1, $2, 'refused', $3, revision FROM fresh
                 ON CONFLICT (subject) DO UPDATE SET last_seen = now(), revision = excluded.revision
                 WHERE accounts.state = 'refused'
                 RETURNING 1
               )
               SELECT EXISTS (SELECT FROM refused) AS "is_news!",
                      EXISTS (SELECT FROM next) AND NOT EXISTS (SELECT FROM fresh) AS "is_late!""#,
            subject,
            user_id,
            source.as_str(),
            asked,
            DENIAL_LASTS,
        )
        .fetch_one(&mut *transaction)
        .await?;
        if written.is_news {
            wake(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(!written.is_late)
    }

    /// Rows that changed since, in the order of their changes, with the names in the pool where somebody gives them.
    pub async fn accounts_since(
        &self,
        read: &AccountsRead,
        limit: i64,
        with_names: bool,
    ) -> sqlx::Result<Vec<AccountRow>> {
        sqlx::query_as!(
            AccountRow,
            "SELECT subject, user_id, state, folded, closed, revision, CASE WHEN $4 THEN display_name END AS display_name
             FROM provisioner.accounts AS one
             WHERE (revision, subject) > ($1, $2) AND (state = 'active' OR NOT EXISTS (
                 SELECT FROM provisioner.accounts AS twin
                 WHERE twin.user_id = one.user_id AND twin.state = 'active'
             ))
             ORDER BY revision, subject LIMIT $3",
            read.revision,
            read.subject,
            limit,
            with_names,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// The subject of a user, as the pool or the message that named it spells it. Of several that fold to this user, the one
    /// that is active.
    pub async fn subject_of(&self, user_id: &str) -> sqlx::Result<Option<String>> {
        sqlx::query_scalar!(
            "SELECT subject FROM provisioner.accounts WHERE user_id = $1 ORDER BY state <> 'active', subject LIMIT 1",
            user_id,
        )
        .fetch_optional(&self.pool)
        .await
    }

    /// Where these accounts came from, for those that the store knows.
    pub async fn origins(&self, user_ids: &[String]) -> sqlx::Result<Vec<AccountOrigin>> {
        sqlx::query_as!(
            AccountOrigin,
            "SELECT user_id, display_name, source, message_id FROM provisioner.accounts WHERE user_id = ANY($1)",
            user_ids,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Notes what this service is about to do to an account, or that it took it back.
    pub async fn set_closed(&self, user_id: &str, closed: Option<Closed>) -> sqlx::Result<()> {
        let closed: Option<&str> = closed.map(Into::into);
        self.run(sqlx::query!("UPDATE provisioner.accounts SET closed = $2 WHERE user_id = $1", user_id, closed)).await
    }

    /// Records a message of the queue that can never succeed.
    pub async fn refuse_message(&self, message_id: &str, reason: &str) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "INSERT INTO provisioner.refused_messages (message_id, reason) VALUES ($1, $2)
             ON CONFLICT (message_id) DO UPDATE SET times = refused_messages.times + 1, reason = excluded.reason",
            message_id,
            reason,
        ))
        .await
    }
}

/// Subjects that fold to one MXID are both marked, and both cleared when one of them is gone.
pub(super) async fn mark_folded(connection: &mut BoundedConnection, user_ids: &[String]) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE provisioner.accounts SET folded = twins.folded, revision = next.revision
         FROM (SELECT revision FROM provisioner.accounts_revision) AS next,
              (SELECT user_id, count(*) FILTER (WHERE state IN ('active', 'disabled')) > 1 AS folded
               FROM provisioner.accounts WHERE user_id = ANY($1) GROUP BY user_id HAVING count(*) > 1) AS twins
         WHERE accounts.user_id = twins.user_id AND accounts.folded <> twins.folded",
        user_ids,
    )
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn wake(connection: &mut BoundedConnection) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_notify($1, '')").bind(ACCOUNTS_CHANNEL).execute(connection).await.map(drop)
}
