//! The ledger: every attempted or withheld action, append-only.

use futures_util::TryStreamExt;
use serde_json::Value;
use sqlx::PgExecutor;

use super::Store;
use super::nul::WithoutNul;

/// Number of a pass.
pub type PassId = i64;

text_enum! {
    /// How an attempt ended, or that it was withheld.
    pub enum LedgerOutcome {
        Started = "started",
        Done = "done",
        AlreadySo = "already_so",
        Failed = "failed",
        /// Synapse gave no answer that says how it ended: it may have been done, or a part of it.
        Unknown = "unknown",
        /// Written as started, and not tried after all.
        Left = "left",
        /// The service stopped between the call and its answer.
        Interrupted = "interrupted",
        Held = "held",
        Observed = "observed",
    }
}

/// What an entry is about: one action of one pass.
#[derive(Clone, Debug)]
pub struct LedgerEntry {
    pub seq: i32,
    pub kind: &'static str,
    pub user_id: Option<String>,
    pub room_id: Option<String>,
    pub room_key: Option<String>,
    pub before: Value,
    pub after: Value,
    pub cause: String,
    /// The reason in a word of a fixed set, for others; `cause` is for people.
    pub because: Option<String>,
    /// Who let it go, where the guard held it.
    pub actor: Option<String>,
    pub mode: &'static str,
    /// How many places, levels, flags or accounts it takes away.
    pub taken: i32,
}

/// One line to write.
#[derive(Clone, Debug)]
pub struct LedgerLine<'a> {
    pub entry: &'a LedgerEntry,
    pub outcome: LedgerOutcome,
    pub detail: Option<String>,
}

/// How many places, levels, flags or accounts one kind of action took away in one room, or on the server.
#[derive(Clone, Debug)]
pub struct TakenAway {
    pub kind: String,
    pub room_id: Option<String>,
    pub taken: i64,
}

/// One removal of a member.
#[derive(Clone, Debug)]
pub struct RemovedMember {
    pub room_id: String,
    pub user_id: String,
    pub seconds_ago: f64,
    /// Otherwise an invitation was taken back.
    pub was_joined: bool,
}

/// A recent change: one that was made, or one that was no longer made (`withheld`) because somebody kept undoing it.
#[derive(Clone, Debug)]
pub struct RecentAction {
    pub kind: String,
    pub room_id: Option<String>,
    pub user_id: Option<String>,
    pub before: Value,
    pub after: Value,
    pub seconds_ago: f64,
    pub withheld: bool,
}

/// Appends lines in one statement, in a transaction of the caller's or alone. An attempt that has an end keeps it: a leader that
/// was frozen learns of its ends after the next one has closed them.
pub(super) async fn append(executor: impl PgExecutor<'_>, pass: PassId, lines: &[LedgerLine<'_>]) -> sqlx::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    fn column<'a, T>(lines: &[LedgerLine<'a>], of: impl Fn(&LedgerLine<'a>) -> T) -> Vec<T> {
        lines.iter().map(of).collect()
    }
    // Settings, names in power levels and answers of Synapse hold what anybody wrote.
    let storable = |text: &str| text.without_nul().into_owned();
    sqlx::query!(
        "INSERT INTO provisioner.ledger
             (pass, seq, kind, user_id, room_id, room_key, before, after, cause, mode, outcome, detail, taken, because, actor)
         SELECT $1, * FROM UNNEST($2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[],
                                  $8::jsonb[], $9::text[], $10::text[], $11::text[], $12::text[], $13::int[],
                                  $14::text[], $15::text[])
         ON CONFLICT DO NOTHING",
        pass,
        &column(lines, |line| line.entry.seq),
        &column(lines, |line| line.entry.kind.to_owned()),
        &column(lines, |line| line.entry.user_id.as_deref().map(storable)) as &[Option<String>],
        &column(lines, |line| line.entry.room_id.clone()) as &[Option<String>],
        &column(lines, |line| line.entry.room_key.clone()) as &[Option<String>],
        &column(lines, |line| line.entry.before.without_nul().into_owned()),
        &column(lines, |line| line.entry.after.without_nul().into_owned()),
        &column(lines, |line| storable(&line.entry.cause)),
        &column(lines, |line| line.entry.mode.to_owned()),
        &column(lines, |line| line.outcome.as_str().to_owned()),
        &column(lines, |line| line.detail.as_deref().map(storable)) as &[Option<String>],
        &column(lines, |line| line.entry.taken),
        &column(lines, |line| line.entry.because.clone()) as &[Option<String>],
        &column(lines, |line| line.entry.actor.clone()) as &[Option<String>],
    )
    .execute(executor)
    .await
    .map(drop)
}

impl Store {
    /// A number for a new pass.
    pub async fn new_pass(&self) -> sqlx::Result<PassId> {
        sqlx::query_scalar!(r#"SELECT nextval('provisioner.pass') AS "pass!""#).fetch_one(&self.pool).await
    }

    /// Appends lines in one statement.
    pub async fn append_ledger(&self, pass: PassId, lines: &[LedgerLine<'_>]) -> sqlx::Result<()> {
        append(&self.pool, pass, lines).await
    }

    /// Closes attempts of an earlier leader that never got their outcome. Returns how many there were. What was asked
    /// for in the Staff room is not among them: its own table knows how far it came, and it gets its outcome from there.
    ///
    /// Only the end of the ledger is read, however long it and its passes are. A slice starts attempts for three seconds
    /// and then ends those it began, and the next leader calls this before anything else: attempts without an outcome are
    /// among the last few thousand lines.
    pub async fn close_interrupted(&self) -> sqlx::Result<u64> {
        sqlx::query!(
            "WITH latest AS MATERIALIZED (
                 SELECT * FROM provisioner.ledger ORDER BY id DESC LIMIT 20000
             )
             INSERT INTO provisioner.ledger
                 (pass, seq, kind, user_id, room_id, room_key, before, after, cause, mode, outcome, detail, taken, because, actor)
             SELECT pass, seq, kind, user_id, room_id, room_key, before, after, cause, mode, 'interrupted',
                    'the service stopped before the answer came', taken, because, actor
             FROM latest AS started
             WHERE outcome = 'started' AND kind <> 'command'
               AND NOT EXISTS (
                   SELECT FROM latest AS ended
                   WHERE ended.pass = started.pass AND ended.seq = started.seq AND ended.outcome <> 'started'
               )
             ORDER BY id
             ON CONFLICT DO NOTHING"
        )
        .execute(&self.pool)
        .await
        .map(|done| done.rows_affected())
    }

    /// What was taken away within the window, by kind and room: what was done, and what nobody knows the end of. Of several
    /// attempts at one person whose end nobody knows, at most one has taken anything.
    pub async fn recently_taken(&self, window_seconds: f64) -> sqlx::Result<Vec<TakenAway>> {
        sqlx::query_as!(
            TakenAway,
            r#"WITH recent AS (
                 SELECT * FROM provisioner.ledger WHERE at > now() - make_interval(secs => $1) AND taken > 0
               ), counted AS (
                 SELECT begun.*, COALESCE(ended.outcome = 'done', false) OR begun.user_id IS NULL AS for_itself
                 FROM recent AS begun LEFT JOIN recent AS ended
                   ON (ended.pass, ended.seq) = (begun.pass, begun.seq) AND ended.outcome <> 'started'
                 WHERE begun.outcome = 'started'
                   AND COALESCE(ended.outcome, 'unknown') NOT IN ('failed', 'already_so', 'left')
               )
               SELECT kind, room_id,
                      COALESCE(sum(taken) FILTER (WHERE for_itself), 0)
                      + count(DISTINCT user_id) FILTER (WHERE NOT for_itself) AS "taken!"
               FROM counted GROUP BY kind, room_id"#,
            window_seconds,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// The number of the newest line; 0 where there is none.
    pub async fn newest_line(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar!(r#"SELECT COALESCE(max(id), 0) AS "newest!" FROM provisioner.ledger"#)
            .fetch_one(&self.pool)
            .await
    }

    /// Users that this service joined within the last days, each with the newest line. They may be very many, so `each` is
    /// called as they are read.
    pub async fn joined_lately(&self, days: i32, mut each: impl FnMut(String, i64)) -> sqlx::Result<()> {
        let pool = self.pool.patient();
        let mut rows = sqlx::query!(
            r#"SELECT user_id AS "user_id!", max(id) AS "line!" FROM provisioner.ledger
               WHERE at > now() - make_interval(days => $1) AND kind = 'join' AND outcome = 'done' GROUP BY user_id"#,
            days,
        )
        .fetch(&pool);
        while let Some(row) = rows.try_next().await? {
            each(row.user_id, row.line);
        }
        Ok(())
    }

    /// The same of the lines after `seen`, up to `newest`.
    pub async fn joined_since(&self, seen: i64, newest: i64) -> sqlx::Result<Vec<(String, i64)>> {
        let rows = sqlx::query!(
            r#"SELECT user_id AS "user_id!", id AS line FROM provisioner.ledger
               WHERE id > $1 AND id <= $2 AND kind = 'join' AND outcome = 'done'"#,
            seen,
            newest,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| (row.user_id, row.line)).collect())
    }

    /// Members who were removed, or invitations taken back, within the window, a line each time, and were not joined by us again since.
    pub async fn removed_members(&self, window_seconds: f64) -> sqlx::Result<Vec<RemovedMember>> {
        sqlx::query_as!(
            RemovedMember,
            r#"SELECT room_id AS "room_id!", user_id AS "user_id!",
                      EXTRACT(EPOCH FROM clock_timestamp() - at)::float8 AS "seconds_ago!",
                      before = '"join"' AS "was_joined!"
               FROM provisioner.ledger AS removed
               WHERE at > now() - make_interval(secs => $1) AND kind = 'remove' AND outcome = 'done'
                 AND before IN ('"join"', '"invite"')
                 AND NOT EXISTS (
                   SELECT FROM provisioner.ledger AS joined
                   WHERE joined.user_id = removed.user_id AND joined.room_id = removed.room_id
                     AND joined.kind = 'join' AND joined.outcome = 'done' AND joined.id > removed.id
                 )
               ORDER BY id"#,
            window_seconds,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Whose account is locked by us in an attempt that did not come to its end: their sessions may go on.
    pub async fn locks_without_end(&self) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar!(
            "SELECT user_id FROM provisioner.accounts AS locked
             WHERE closed = 'locked' AND (
                 SELECT outcome FROM provisioner.ledger AS attempt
                 WHERE attempt.user_id = locked.user_id AND attempt.kind = 'lock_account'
                   AND attempt.outcome IN ('done', 'already_so', 'interrupted', 'failed', 'unknown')
                 ORDER BY attempt.id DESC LIMIT 1
             ) NOT IN ('done', 'already_so')"
        )
        .fetch_all(&self.pool)
        .await
    }

    /// What was done within the window, and what was no longer repeated. Accounts that are made stay made.
    pub async fn done_lately(&self, window_seconds: f64) -> sqlx::Result<Vec<RecentAction>> {
        sqlx::query_as!(
            RecentAction,
            r#"SELECT kind, room_id, user_id, COALESCE(before, 'null') AS "before!", COALESCE(after, 'null') AS "after!",
                      EXTRACT(EPOCH FROM clock_timestamp() - at)::float8 AS "seconds_ago!",
                      outcome = 'held' AS "withheld!"
               FROM provisioner.ledger
               WHERE at > now() - make_interval(secs => $1)
                 AND (kind <> 'create_account' OR before IN ('"locked"', '"deactivated"'))
                 AND (outcome = 'done' OR outcome = 'held' AND detail LIKE 'undone %')
               ORDER BY id"#,
            window_seconds,
        )
        .fetch_all(&self.pool)
        .await
    }
}
