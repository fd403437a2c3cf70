//! Removing what is done and what nobody asks for any more. The ledger is never trimmed; cleared leaves, withheld changes and
//! accounts say what is so now, and have no age, but for subjects that the pool never confirmed.

use std::time::Duration;

use super::Store;

/// Rows of a table that go at once: the reconciler waits for them.
const BATCH: u16 = 5000;

/// Names that nobody was shown, and changes of names that everybody has seen.
const KEPT_NAMES: Duration = Duration::from_secs(365 * 24 * 3600);

/// People ask what became of a held plan, or why a message or a subject was refused. SQS keeps a message for 14 days at most.
const KEPT_FOR_PEOPLE: Duration = Duration::from_secs(90 * 24 * 3600);

/// Removes a batch of the rows of a table, by their key, that are older than `$kept` by `$age` and of which `$done` is true, the
/// oldest first. Gives how many these were.
macro_rules! removed {
    ($store:ident, $kept:expr, $table:literal, $key:literal, $age:literal, $done:literal $(, $lock:literal)?) => {
        sqlx::query!(
            "DELETE FROM provisioner." + $table + " WHERE " + $key + " = ANY (ARRAY(SELECT " + $key + " FROM provisioner." + $table
                + " WHERE " + $done + " AND " + $age + " < now() - make_interval(secs => $1)"
                + " ORDER BY " + $age + " LIMIT $2" $(+ $lock)? + "))",
            $kept.as_secs_f64(),
            i64::from(BATCH),
        )
        .execute(&$store.pool)
        .await?
        .rows_affected()
    };
}

impl Store {
    /// Removes a batch of what is done and older than `kept`, the oldest first. Returns whether there may be more.
    pub async fn trim(&self, kept: Duration) -> sqlx::Result<bool> {
        let rows = [
            // Events that no retry of Synapse's can bring again.
            removed!(self, kept, "inbox", "id", "received_at", "handled_at IS NOT NULL"),
            // The same of what was said and is answered. The ledger keeps what was asked.
            removed!(self, kept, "commands", "event_id", "received_at", "state IN ('ignored', 'answered')"),
            // Their askers have their report.
            removed!(self, kept, "pass_requests", "id", "finished_at", "finished_at IS NOT NULL"),
            // The queue itself no longer has them.
            removed!(self, KEPT_FOR_PEOPLE, "refused_messages", "message_id", "refused_at", "true"),
            // One that the roster still names is asked for again after the next start. Locked first: the pool may confirm one
            // meanwhile.
            removed!(
                self,
                KEPT_FOR_PEOPLE,
                "accounts",
                "subject",
                "first_seen",
                "state = 'refused'",
                " FOR UPDATE SKIP LOCKED"
            ),
            // The ledger keeps who decided.
            removed!(
                self,
                KEPT_FOR_PEOPLE,
                "held_plans",
                "seq",
                "decided_at",
                "state IN ('approved', 'superseded', 'expired')"
            ),
            // But for the newest: it says what was shown last.
            removed!(
                self,
                KEPT_FOR_PEOPLE,
                "held_posts",
                "id",
                "changed_at",
                "state IN ('decided', 'superseded', 'gone') AND id < (SELECT max(id) FROM provisioner.held_posts)"
            ),
            // A user who is shown again is noted anew, by what they are called then.
            removed!(self, KEPT_NAMES, "shown_names", "user_id", "LEAST(shown_at, until)", "true"),
        ];
        Ok(rows.into_iter().any(|rows| rows >= u64::from(BATCH)))
    }
}
