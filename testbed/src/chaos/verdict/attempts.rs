//! The ledger: every attempt has a beginning and an end.

use std::time::Instant;

use anyhow::{Context, Result};
use sqlx::PgConnection;

use super::{LOOK, PATIENCE, Verdict};

/// Attempts and commands without an end.
const OPEN: &str = "
    SELECT count(*) FROM provisioner.ledger AS started WHERE outcome = 'started' AND NOT EXISTS (
        SELECT FROM provisioner.ledger AS ended
        WHERE ended.pass = started.pass AND ended.seq = started.seq AND ended.outcome <> 'started')";

/// What was done without a line that said so before. Several ends of one attempt are not looked for: the index `ledger_ends_once`
/// refuses them.
const UNTOLD: &str = "
    SELECT kind || ' in ' || coalesce(room_key, 'the server') || ' of ' || coalesce(user_id, after::text, 'nobody')
    FROM provisioner.ledger AS ended
    WHERE kind IN ('join', 'remove', 'set_power_levels', 'grant_server_admin', 'revoke_server_admin') AND outcome = 'done'
      AND NOT EXISTS (
        SELECT FROM provisioner.ledger AS started
        WHERE started.pass = ended.pass AND started.seq = ended.seq AND started.outcome = 'started' AND started.id < ended.id)
    ORDER BY id";

impl Verdict {
    /// Waits for what is under way: a command that was said last has its end when it is answered.
    pub(super) async fn look_at_attempts(&mut self, ours: &mut PgConnection) -> Result<()> {
        let began = Instant::now();
        loop {
            let open: i64 = sqlx::query_scalar(OPEN).fetch_one(&mut *ours).await.context("look for open attempts")?;
            if open == 0 {
                break;
            }
            if began.elapsed() > PATIENCE {
                self.broken.push(format!("{open} attempts have no end in the ledger"));
                break;
            }
            tokio::time::sleep(4 * LOOK).await;
        }
        let untold: Vec<String> =
            sqlx::query_scalar(UNTOLD).fetch_all(&mut *ours).await.context("look for the beginning of attempts")?;
        self.broken.extend(untold.into_iter().map(|what| format!("done without a beginning in the ledger: {what}")));
        let joins = "SELECT count(*) FROM provisioner.ledger WHERE kind = 'join' AND outcome = 'done'";
        let joins: i64 = sqlx::query_scalar(joins).fetch_one(ours).await.context("count the joins")?;
        self.joins = usize::try_from(joins)?;
        Ok(())
    }
}
