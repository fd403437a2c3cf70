//! Refused commands: counted by sender, with one line of the ledger for the first and one for those of the hour that follows.

use serde_json::Value;

use super::Store;
use super::nul::WithoutNul;

/// A command whose sender may not give it.
#[derive(Clone, Debug)]
pub struct RefusedCommand<'a> {
    pub event_id: &'a str,
    pub sender: &'a str,
    pub command: &'static str,
    pub cause: &'a str,
    pub detail: &'a str,
    /// What is said to the sender, where anything is.
    pub answer: Option<&'a Value>,
}

impl Store {
    /// Ends a command that was not begun, and counts it. The first of a sender gets a line of the ledger. False where it was
    /// ended before. One statement, so that a kill leaves the command in exactly one state.
    pub async fn refuse_command(&self, refused: &RefusedCommand<'_>) -> sqlx::Result<bool> {
        let RefusedCommand { event_id, sender, command, cause, detail, answer } = refused;
        // The answer names the thread that the sender wrote.
        let answer = answer.map(Value::without_nul);
        sqlx::query_scalar!(
            r#"WITH refused AS (
                 UPDATE provisioner.commands
                 SET state = CASE WHEN $4::jsonb IS NULL THEN 'answered' ELSE 'ended' END,
                     sender = $2, command = $3, taken_at = now(), event = NULL, answer = $4
                 WHERE event_id = $1 AND state = 'heard'
                 RETURNING event_id
             ), counted AS (
                 INSERT INTO provisioner.refused_commands AS counted (sender) SELECT $2 FROM refused
                 ON CONFLICT (sender) DO UPDATE SET times = counted.times + 1
                 RETURNING times
             ), told AS (
                 INSERT INTO provisioner.ledger (pass, seq, kind, cause, mode, outcome, detail)
                 SELECT nextval('provisioner.pass'), 0, 'command', $5, 'enforce', 'failed', $6 FROM counted WHERE times = 1
             )
             SELECT EXISTS (SELECT FROM refused) AS "refused!""#,
            event_id,
            &*sender.without_nul(),
            command,
            answer.as_deref(),
            &*cause.without_nul(),
            &*detail.without_nul(),
        )
        .fetch_one(&self.pool)
        .await
    }

    /// Writes to the ledger how many commands followed the first refused one of a sender, an hour after it.
    pub async fn tell_refused_commands(&self) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "WITH over AS (
                 DELETE FROM provisioner.refused_commands WHERE since < now() - interval '1 hour'
                 RETURNING sender, since, times
             )
             INSERT INTO provisioner.ledger (pass, seq, kind, cause, mode, outcome, detail)
             SELECT nextval('provisioner.pass'), 0, 'command', 'commands by ' || sender || ' in the Staff room', 'enforce',
                    'failed', 'refused: ' || times - 1 || ' more since ' || to_char(since AT TIME ZONE 'UTC', 'HH24:MI:SS') || ' UTC'
             FROM over WHERE times > 1",
        )).await
    }
}
