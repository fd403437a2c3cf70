//! The operator: what the guard holds stays held until somebody approves it, also where only strangers are left in it.

use anyhow::Result;
use serde_json::Value;

use super::stage::Stage;

/// Approves what is held, once nobody is in it who belongs where they would be taken from; whether there was such a thing.
pub(super) async fn approve(stage: &Stage) -> Result<bool> {
    let service = &stage.replicas[0].service;
    let plan = service.run_cli(&["plan", "--json"]).await?.json()?;
    let held = plan["actions"].as_array().into_iter().flatten().filter(|action| action["held"] == true);
    let (Some(id), true) = (plan["held_id"].as_str(), held.clone().all(|action| is_right(stage, action))) else {
        return Ok(false);
    };
    service.run_cli(&["apply", "--approve", id]).await?;
    Ok(true)
}

fn is_right(stage: &Stage, action: &Value) -> bool {
    let (room, user) = (action["room"].as_str().unwrap_or_default(), action["user"].as_str().unwrap_or_default());
    let belongs = stage
        .rooms
        .keys()
        .any(|team| *team == room && stage.rows.of(team).into_iter().any(|sub| stage.synapse.mxid(sub) == user));
    action["kind"] != "remove" || !belongs
}
