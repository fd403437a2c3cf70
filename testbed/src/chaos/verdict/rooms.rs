//! Rooms as they are beside what the sources say: who is in them, and who has which level.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::PgConnection;

use crate::chaos::stage::{EVERYONE, Stage};

/// Where something is not as the sources say.
pub(super) struct Difference {
    user: String,
    pub(super) what: String,
}

impl Difference {
    pub(super) fn new(user: &str, what: String) -> Self {
        Self { user: user.to_owned(), what }
    }

    pub(super) fn is_about(&self, users: &BTreeSet<String>) -> bool {
        users.contains(&self.user)
    }
}

/// The team of a room.
pub(super) fn team_of(stage: &Stage, room: &str) -> Result<&'static str> {
    stage.rooms.iter().find(|(_, id)| *id == room).map(|(team, _)| *team).context("a room that nobody made")
}

pub(super) async fn differences(stage: &Stage, synapse: &mut PgConnection) -> Result<Vec<Difference>> {
    let mut wrong = Vec::new();
    for (team, room) in &stage.rooms {
        let sql = "SELECT user_id FROM local_current_membership WHERE room_id = $1 AND membership = 'join'";
        let there: Vec<String> =
            sqlx::query_scalar(sql).bind(room).fetch_all(&mut *synapse).await.context("read who is there")?;
        let not_theirs = [stage.bot.as_str(), stage.hand.mxid.as_str()];
        let there: BTreeSet<String> = there.into_iter().filter(|user| !not_theirs.contains(&user.as_str())).collect();
        let wanted = stage.members_of(team);
        wrong.extend(
            wanted.difference(&there).map(|user| Difference::new(user, format!("{user} is missing in {team}"))),
        );
        let more = there.difference(&wanted);
        wrong.extend(more.map(|user| Difference::new(user, format!("{user} is in {team}, and no row says so"))));
        if *team == EVERYONE {
            continue;
        }
        let levels = stage.hand.state(room, "m.room.power_levels", "").await?.context("no power levels")?;
        let leads: BTreeSet<String> = stage.rows.leads(team).into_iter().map(|sub| stage.synapse.mxid(sub)).collect();
        let powerful: BTreeMap<&String, &Value> = levels["users"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(user, _)| !not_theirs.contains(&user.as_str()))
            .collect();
        for (user, level) in powerful {
            let wanted = if leads.contains(user) { 50 } else { 0 };
            if level.as_i64() != Some(wanted) {
                wrong.push(Difference::new(user, format!("{user} has {level} in {team} and not {wanted}")));
            }
        }
        for lead in leads {
            if levels["users"][&lead].is_null() {
                wrong.push(Difference::new(&lead, format!("{lead} leads {team} and has no power")));
            }
        }
    }
    Ok(wrong)
}
