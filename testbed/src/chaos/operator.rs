//! The operator: what the guard holds stays held until somebody approves it, also where only strangers are left in it.

use anyhow::Result;
use serde_json::Value;

use super::rows::sub_of;
use super::stage::{ADMINS, Stage, TEAMS};

/// Approves what is held, once nobody is in it who would lose what is theirs; whether there was such a thing.
pub(super) async fn approve(stage: &Stage) -> Result<bool> {
    let service = &stage.replicas[0].service;
    let planned = service.run_cli(&["plan", "--json"]).await?;
    // With exit code 1 something could not be read, and the plan may lack somebody.
    if planned.status != Some(2) {
        return Ok(false);
    }
    let plan = planned.json()?;
    let held = plan["actions"].as_array().into_iter().flatten().filter(|action| action["held"] == true);
    let (Some(id), true) = (plan["held_id"].as_str(), held.clone().all(|action| is_right(stage, action))) else {
        return Ok(false);
    };
    let applied = service.run_cli(&["apply", "--approve", id]).await?;
    // 3: done, and something else is held by now.
    Ok(matches!(applied.status, Some(0 | 3)))
}

fn is_right(stage: &Stage, action: &Value) -> bool {
    let (room, user) = (action["room"].as_str().unwrap_or_default(), action["user"].as_str().unwrap_or_default());
    let is_lead = |team, user: &str| stage.rows.leads(team).contains(sub_of(user));
    match action["kind"].as_str() {
        Some("remove") => stage.rooms.keys().any(|team| *team == room && !stage.members_of(team).contains(user)),
        Some("set_power_levels") => {
            let takes = |level: &Value| level.as_i64().is_none_or(|level| level < 50);
            let mut levels = action["after"].as_object().into_iter().flatten();
            TEAMS
                .into_iter()
                .any(|team| team == room && levels.all(|(user, level)| !takes(level) || !is_lead(team, user.as_str())))
        }
        Some("revoke_server_admin") => !is_lead(ADMINS, user),
        _ => false,
    }
}
