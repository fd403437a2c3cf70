//! The flag of server admins: the leads of [`ADMINS`] have it and nobody else, and no attempt was made to take it from somebody who led
//! that team all the while.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use sqlx::PgConnection;

use super::Verdict;
use super::approvals::{Approvals, Taken};
use super::rooms::Difference;
use crate::chaos::rows::sub_of;
use crate::chaos::stage::{ADMINS, Stage};

/// Whose flag is not as the rows say.
pub(super) async fn differences(stage: &Stage, synapse: &mut PgConnection) -> Result<Vec<Difference>> {
    let sql = "SELECT name FROM users WHERE admin = 1 AND name <> ALL($1)";
    let not_theirs = vec![stage.bot.clone(), stage.hand.mxid.clone()];
    let there: Vec<String> =
        sqlx::query_scalar(sql).bind(not_theirs).fetch_all(synapse).await.context("read who is a server admin")?;
    let there: BTreeSet<String> = there.into_iter().collect();
    let wanted: BTreeSet<String> = stage.rows.leads(ADMINS).into_iter().map(|sub| stage.synapse.mxid(sub)).collect();
    let missing = wanted.difference(&there);
    let missing = missing.map(|user| Difference::new(user, format!("{user} leads {ADMINS} and is no server admin")));
    let more = there.difference(&wanted);
    let more = more.map(|user| Difference::new(user, format!("{user} is a server admin, and no row says so")));
    Ok(missing.chain(more).collect())
}

impl Verdict {
    /// Of each attempt to take a flag that was made, whether it came to anything or not.
    pub(super) async fn look_at_admins(
        &mut self,
        stage: &Stage,
        ours: &mut PgConnection,
        approvals: &Approvals<'_>,
    ) -> Result<()> {
        let sql = "SELECT user_id, (extract(epoch FROM at) * 1000)::bigint FROM provisioner.ledger AS begun
                   WHERE kind = 'revoke_server_admin' AND outcome = 'started' AND NOT EXISTS (
                       SELECT FROM provisioner.ledger AS ended
                       WHERE ended.pass = begun.pass AND ended.seq = begun.seq AND ended.outcome = 'left')
                   ORDER BY id";
        let revoked: Vec<(String, i64)> =
            sqlx::query_as(sql).fetch_all(ours).await.context("read who lost the flag of server admins")?;
        for (user, at) in revoked {
            let (sub, at) = (sub_of(&user), u64::try_from(at)?);
            let taken = Taken { kind: "revoke_server_admin", team: "", user: &user, at };
            let excused = || approvals.excuse(taken, |tick| !stage.rows.perhaps_led(sub, ADMINS, tick));
            if stage.rows.led(sub, ADMINS, at) && !excused() {
                self.broken.push(format!("{user} was to be no server admin at {at} and led {ADMINS} all the while"));
            }
        }
        Ok(())
    }
}
