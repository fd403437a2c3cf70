//! Messages of the Staff room, and how far each is. Each function is one statement, so that a kill leaves a command in exactly
//! one state.

use serde_json::Value;

use super::Store;
use super::nul::WithoutNul;

text_enum! {
    /// How far something said in the Staff room is.
    pub enum CommandState {
        /// Received.
        Heard = "heard",
        /// Begun: its line is in the ledger.
        Taken = "taken",
        /// Its outcome is in the ledger, and the answer waits to be sent.
        Ended = "ended",
        Answered = "answered",
        /// It was not for us.
        Ignored = "ignored",
    }
}

/// A message or reaction that is not answered yet.
#[derive(Clone, Debug)]
pub struct CommandRow {
    /// In the order in which they were heard.
    pub id: i64,
    pub event_id: String,
    pub room_id: String,
    /// The whole event, JSON; gone once the command has ended.
    pub event: Option<String>,
    /// Seconds since it was received.
    pub waited: f64,
    /// Seconds between the database's first start and its reception.
    pub after_start: f64,
    pub state: CommandState,
    pub command: Option<String>,
    pub answer: Option<Value>,
}

/// A command as it is claimed, for its `started` line in the ledger.
#[derive(Clone, Debug)]
pub struct CommandEntry {
    pub event_id: String,
    pub sender: String,
    pub command: &'static str,
    pub cause: String,
    /// The user and the room that it is about.
    pub user_id: Option<String>,
    pub room_key: Option<String>,
}

impl Store {
    /// What is not answered yet, oldest first, without these.
    pub async fn open_commands(&self, but: &[String]) -> sqlx::Result<Vec<CommandRow>> {
        sqlx::query_as!(
            CommandRow,
            r#"SELECT id, event_id, room_id, event, state AS "state: CommandState", command, answer,
                      extract(epoch FROM clock_timestamp() - received_at)::float8 AS "waited!",
                      extract(epoch FROM received_at - stamped_at)::float8 AS "after_start!"
               FROM provisioner.commands CROSS JOIN provisioner.stamp
               WHERE state IN ('heard', 'taken', 'ended') AND event_id <> ALL($1) ORDER BY id LIMIT 100"#,
            but,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Whether a command was begun and has not ended.
    pub async fn is_command_under_way(&self) -> sqlx::Result<bool> {
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM provisioner.commands WHERE state = 'taken') AS "is!""#)
            .fetch_one(&self.pool)
            .await
    }

    /// Whether somebody who may has said no after the row with this number was heard: to whatever list, and in whatever process. The
    /// ❌ of others has no lines of its own in the ledger.
    pub async fn is_no_said_since(&self, id: i64) -> sqlx::Result<bool> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (
                 SELECT FROM provisioner.commands
                 -- An index serves the time; what somebody approves is minutes old at most.
                 WHERE received_at > now() - interval '1 hour' AND id > $1 AND command = 'dismiss' AND pass IS NOT NULL
               ) AS "is!""#,
            id,
        )
        .fetch_one(&self.pool)
        .await
    }

    /// Notes that a message is not for us.
    pub async fn ignore_command(&self, event_id: &str) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "UPDATE provisioner.commands SET state = 'ignored', event = NULL WHERE event_id = $1 AND state = 'heard'",
            event_id,
        ))
        .await
    }

    /// Claims a command, and writes `started` to the ledger. False where it was claimed before.
    pub async fn claim_command(&self, entry: &CommandEntry) -> sqlx::Result<bool> {
        let taken = sqlx::query!(
            "WITH taken AS (
                 UPDATE provisioner.commands
                 SET state = 'taken', sender = $2, command = $3, taken_at = now(), pass = nextval('provisioner.pass')
                 WHERE event_id = $1 AND state = 'heard'
                 RETURNING pass
             )
             INSERT INTO provisioner.ledger (pass, seq, kind, user_id, room_key, cause, mode, outcome)
             SELECT pass, 0, 'command', $5, $6, $4, 'enforce', 'started' FROM taken",
            entry.event_id,
            &*entry.sender.without_nul(),
            entry.command,
            &*entry.cause.without_nul(),
            entry.user_id,
            entry.room_key,
        )
        .execute(&self.pool)
        .await?;
        Ok(taken.rows_affected() > 0)
    }

    /// Ends a command: its outcome for the ledger, and the answer that is to be sent. The words are forgotten.
    pub async fn end_command(
        &self,
        event_id: &str,
        outcome: &str,
        detail: Option<&str>,
        answer: Option<&Value>,
    ) -> sqlx::Result<()> {
        // The answer names the thread that the sender wrote.
        let (detail, answer) = (detail.map(str::without_nul), answer.map(Value::without_nul));
        self.run(sqlx::query!(
            "WITH ended AS (
                 UPDATE provisioner.commands
                 SET state = CASE WHEN $4::jsonb IS NULL THEN 'answered' ELSE 'ended' END, event = NULL, answer = $4
                 WHERE event_id = $1 AND state = 'taken'
                 RETURNING pass
             )
             INSERT INTO provisioner.ledger (pass, seq, kind, user_id, room_key, cause, mode, outcome, detail)
             SELECT pass, seq, kind, user_id, room_key, cause, mode, $2, $3
             FROM provisioner.ledger JOIN ended USING (pass) WHERE outcome = 'started'",
            event_id,
            outcome,
            detail.as_deref(),
            answer.as_deref(),
        ))
        .await
    }

    /// Notes that the answer was sent, or that it cannot be.
    pub async fn note_answered(&self, event_id: &str, reply_event_id: Option<&str>) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "UPDATE provisioner.commands
             SET state = 'answered', answer = NULL, answered_at = now(), reply_event_id = $2
             WHERE event_id = $1 AND state = 'ended'",
            event_id,
            reply_event_id,
        ))
        .await
    }
}
