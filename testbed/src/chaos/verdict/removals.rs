//! Nobody was removed by the service while every reading said that they belong.

use anyhow::{Context, Result};
use sqlx::PgConnection;

use super::Verdict;
use super::approvals::{Approvals, Taken};
use super::rooms::team_of;
use crate::chaos::rows::sub_of;
use crate::chaos::stage::{EVERYONE, Stage};

impl Verdict {
    pub(super) async fn look_at_removals(
        &mut self,
        stage: &Stage,
        synapse: &mut PgConnection,
        approvals: &Approvals<'_>,
    ) -> Result<()> {
        let sql = "SELECT m.room_id, m.user_id, m.membership, e.origin_server_ts
                   FROM room_memberships m JOIN events e USING (event_id)
                   WHERE e.sender = $1 AND m.user_id <> $1 AND m.membership <> 'invite' ORDER BY e.origin_server_ts";
        let changes: Vec<(String, String, String, i64)> =
            sqlx::query_as(sql).bind(&stage.bot).fetch_all(synapse).await.context("read who was removed")?;
        for (room, user, membership, at) in changes {
            if membership == "join" {
                continue;
            }
            self.removals += 1;
            let (team, sub, at) = (team_of(stage, &room)?, sub_of(&user), u64::try_from(at)?);
            let taken = Taken { kind: "remove", team, user: &user, at };
            let excused = || approvals.excuse(taken, |tick| !stage.rows.perhaps_had(sub, team, tick, tick));
            if team == EVERYONE || stage.rows.had(sub, team, at) && !excused() {
                self.broken.push(format!(
                    "{user} was removed from {team} at {at} ({membership}) and was in that team all the while"
                ));
            }
        }
        Ok(())
    }
}
