//! No level was taken by the service from somebody who led their team all the while, not even for a moment.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::PgConnection;

use super::Verdict;
use super::approvals::{Approvals, Taken};
use super::rooms::team_of;
use crate::chaos::rows::sub_of;
use crate::chaos::stage::Stage;

/// The level of who leads a team.
const LEADS: i64 = 50;

impl Verdict {
    /// Each state of levels beside the one before it, as Synapse took them.
    pub(super) async fn look_at_powers(
        &mut self,
        stage: &Stage,
        synapse: &mut PgConnection,
        approvals: &Approvals<'_>,
    ) -> Result<()> {
        let sql = "SELECT e.room_id, e.sender, e.origin_server_ts, j.json
                   FROM events AS e JOIN event_json AS j ON j.event_id = e.event_id
                   WHERE e.type = 'm.room.power_levels'
                     AND NOT EXISTS (SELECT FROM rejections AS r WHERE r.event_id = e.event_id)
                   ORDER BY e.stream_ordering";
        let events: Vec<(String, String, i64, String)> =
            sqlx::query_as(sql).fetch_all(synapse).await.context("read how levels changed")?;
        let mut levels: BTreeMap<String, Value> = BTreeMap::new();
        for (room, sender, at, event) in events {
            let (team, at) = (team_of(stage, &room)?, u64::try_from(at)?);
            let mut event: Value = serde_json::from_str(&event).context("read an event of levels")?;
            let after = event["content"].take();
            let before = levels.insert(room, after.clone()).unwrap_or_default();
            if sender != stage.bot {
                continue;
            }
            for user in before["users"].as_object().into_iter().flat_map(|users| users.keys()) {
                let (had, has, sub) = (level(&before, user), level(&after, user), sub_of(user));
                let taken = Taken { kind: "set_power_levels", team, user, at };
                let excused = || approvals.excuse(taken, |tick| !stage.rows.perhaps_led(sub, team, tick));
                if had >= LEADS && has < LEADS && stage.rows.led(sub, team, at) && !excused() {
                    self.broken.push(format!(
                        "the level of {user} in {team} went from {had} to {has} at {at}, and they led it all the while"
                    ));
                }
            }
        }
        Ok(())
    }
}

fn level(levels: &Value, user: &str) -> i64 {
    let own = levels["users"][user].as_i64();
    own.or_else(|| levels["users_default"].as_i64()).unwrap_or_default()
}
