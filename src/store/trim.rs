//! Removing what is done and what nobody asks for any more. The ledger is never trimmed; cleared leaves, withheld changes and
//! accounts say what is so now, and have no age, but for subjects that the pool never confirmed.

use std::time::Duration;

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use super::Store;

/// Rows of a table that go at once: the reconciler waits for them.
const BATCH: u16 = 5000;

/// Names that nobody was shown, and changes of names that everybody has seen.
const KEPT_NAMES: Duration = Duration::from_secs(365 * 24 * 3600);

/// People ask what became of a held plan, or why a message or a subject was refused. SQS keeps a message for 14 days at most.
const KEPT_FOR_PEOPLE: Duration = Duration::from_secs(90 * 24 * 3600);

impl Store {
    /// Removes a batch of what is done and older than `kept`, the oldest first. Returns whether there may be more.
    pub async fn trim(&self, kept: Duration) -> sqlx::Result<bool> {
        let removed = [
            self.trim_inbox(kept).await?,
            self.trim_commands(kept).await?,
            self.trim_pass_requests(kept).await?,
            self.trim_refused_messages(KEPT_FOR_PEOPLE).await?,
            self.trim_refused_accounts(KEPT_FOR_PEOPLE).await?,
            self.trim_held_plans(KEPT_FOR_PEOPLE).await?,
            self.trim_held_posts(KEPT_FOR_PEOPLE).await?,
            self.trim_shown_names(KEPT_NAMES).await?,
        ];
        Ok(removed.into_iter().any(|rows| rows >= u64::from(BATCH)))
    }

    async fn remove(&self, batch: Query<'_, Postgres, PgArguments>) -> sqlx::Result<u64> {
        batch.execute(&self.pool).await.map(|done| done.rows_affected())
    }

    /// Handled events that no retry of Synapse's can bring again.
    async fn trim_inbox(&self, older_than: Duration) -> sqlx::Result<u64> {
        self.remove(sqlx::query!(
            "DELETE FROM provisioner.inbox WHERE id = ANY (ARRAY(
                 SELECT id FROM provisioner.inbox
                 WHERE handled_at IS NOT NULL AND received_at < now() - make_interval(secs => $1)
                 ORDER BY received_at LIMIT $2
             ))",
            older_than.as_secs_f64(),
            i64::from(BATCH),
        ))
        .await
    }

    /// What was said and is answered, and what no retry of Synapse's can bring again. The ledger keeps what was asked.
    async fn trim_commands(&self, older_than: Duration) -> sqlx::Result<u64> {
        self.remove(sqlx::query!(
            "DELETE FROM provisioner.commands WHERE event_id = ANY (ARRAY(
                 SELECT event_id FROM provisioner.commands
                 WHERE state IN ('ignored', 'answered') AND received_at < now() - make_interval(secs => $1)
                 ORDER BY received_at LIMIT $2
             ))",
            older_than.as_secs_f64(),
            i64::from(BATCH),
        ))
        .await
    }

    /// Requests for a pass whose askers have their report.
    async fn trim_pass_requests(&self, older_than: Duration) -> sqlx::Result<u64> {
        self.remove(sqlx::query!(
            "DELETE FROM provisioner.pass_requests WHERE id = ANY (ARRAY(
                 SELECT id FROM provisioner.pass_requests WHERE finished_at < now() - make_interval(secs => $1)
                 ORDER BY finished_at LIMIT $2
             ))",
            older_than.as_secs_f64(),
            i64::from(BATCH),
        ))
        .await
    }

    /// Messages that the queue itself no longer has.
    async fn trim_refused_messages(&self, older_than: Duration) -> sqlx::Result<u64> {
        self.remove(sqlx::query!(
            "DELETE FROM provisioner.refused_messages WHERE message_id = ANY (ARRAY(
                 SELECT message_id FROM provisioner.refused_messages
                 WHERE refused_at < now() - make_interval(secs => $1) ORDER BY refused_at LIMIT $2
             ))",
            older_than.as_secs_f64(),
            i64::from(BATCH),
        ))
        .await
    }

    /// Subjects that the pool did not confirm. One that the roster still names is asked for again after the next start.
    /// Locked first: the pool may confirm one meanwhile.
    async fn trim_refused_accounts(&self, older_than: Duration) -> sqlx::Result<u64> {
        self.remove(sqlx::query!(
            "DELETE FROM provisioner.accounts WHERE subject = ANY (ARRAY(
                 SELECT subject FROM provisioner.accounts
                 WHERE state = 'refused' AND first_seen < now() - make_interval(secs => $1)
                 ORDER BY first_seen LIMIT $2 FOR UPDATE SKIP LOCKED
             ))",
            older_than.as_secs_f64(),
            i64::from(BATCH),
        ))
        .await
    }

    /// What is no longer held. The ledger keeps who decided.
    async fn trim_held_plans(&self, older_than: Duration) -> sqlx::Result<u64> {
        self.remove(sqlx::query!(
            "DELETE FROM provisioner.held_plans WHERE seq = ANY (ARRAY(
                 SELECT seq FROM provisioner.held_plans
                 WHERE state IN ('approved', 'superseded', 'expired') AND decided_at < now() - make_interval(secs => $1)
                 ORDER BY decided_at LIMIT $2
             ))",
            older_than.as_secs_f64(),
            i64::from(BATCH),
        ))
        .await
    }

    /// Posts of what is no longer held, but for the newest: it says what was shown last.
    async fn trim_held_posts(&self, older_than: Duration) -> sqlx::Result<u64> {
        self.remove(sqlx::query!(
            "DELETE FROM provisioner.held_posts WHERE id = ANY (ARRAY(
                 SELECT id FROM provisioner.held_posts
                 WHERE state IN ('decided', 'superseded', 'gone') AND changed_at < now() - make_interval(secs => $1)
                   AND id < (SELECT max(id) FROM provisioner.held_posts)
                 ORDER BY changed_at LIMIT $2
             ))",
            older_than.as_secs_f64(),
            i64::from(BATCH),
        ))
        .await
    }

    /// Names that were first shown. A user who is shown again is noted anew, by what they are called then.
    async fn trim_shown_names(&self, older_than: Duration) -> sqlx::Result<u64> {
        self.remove(sqlx::query!(
            "DELETE FROM provisioner.shown_names WHERE user_id = ANY (ARRAY(
                 SELECT user_id FROM provisioner.shown_names
                 WHERE LEAST(shown_at, until) < now() - make_interval(secs => $1)
                 ORDER BY LEAST(shown_at, until) LIMIT $2
             ))",
            older_than.as_secs_f64(),
            i64::from(BATCH),
        ))
        .await
    }
}
