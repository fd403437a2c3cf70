//! Writing room state: one piece of content edited, everything else in it kept as it was. The freshest state is read first,
//! and what turns out to be another matter than the plan's is left to the next plan.

use provisioner_policy::{Obstacle, POWER_LEVELS, PowerEdit, Rewrite, RoomIx, Setting, World};
use serde_json::Value;
use serde_json::value::to_raw_value;

use crate::homeserver::{CallError, Homeserver};
use crate::reconcile::act::attempt::{Tried, Written};

/// Sets one setting of a room, if it still is what the plan was made from.
pub(crate) async fn set_setting(
    homeserver: &Homeserver,
    world: &World,
    room: RoomIx,
    setting: Setting,
    before: Option<&Value>,
    wanted: &str,
) -> Result<Tried, CallError> {
    let (event_type, _) = setting.event();
    let now = read(homeserver, world, room, event_type).await?;
    let value = setting.value(now.as_ref());
    if setting.is(value, wanted) {
        return Ok(Tried::AlreadySo);
    }
    if value != before {
        return Ok(Tried::Outdated);
    }
    let content = setting.edited(now.as_ref(), wanted);
    write(homeserver, world, room, event_type, content, now).await
}

/// Changes power levels in one event.
pub(crate) async fn set_power_levels(
    homeserver: &Homeserver,
    world: &World,
    room: RoomIx,
    edits: &[PowerEdit],
) -> Result<Tried, CallError> {
    let now = read(homeserver, world, room, POWER_LEVELS).await?;
    match world.rewrite_levels(room, now.as_ref(), edits) {
        Rewrite::Write(content) => write(homeserver, world, room, POWER_LEVELS, content, now).await,
        Rewrite::AlreadySo => Ok(Tried::AlreadySo),
        Rewrite::Outdated => Ok(Tried::Outdated),
        // What cannot be read now could be read by the plan: the next one says what is wrong with it.
        Rewrite::Refused(Obstacle::Unreadable) => Ok(Tried::Outdated),
        Rewrite::Refused(obstacle) => Ok(Tried::Refused(obstacle.text(world, Some(room), None))),
    }
}

/// The content of a state event as it is now, its unknown keys included.
async fn read(
    homeserver: &Homeserver,
    world: &World,
    room: RoomIx,
    event_type: &str,
) -> Result<Option<Value>, CallError> {
    homeserver.state_content(&world.policy.rooms[room.index()].id, event_type, "").await
}

async fn write(
    homeserver: &Homeserver,
    world: &World,
    room: RoomIx,
    event_type: &'static str,
    content: Value,
    made_from: Option<Value>,
) -> Result<Tried, CallError> {
    let id = &world.policy.rooms[room.index()].id;
    let raw = to_raw_value(&content).expect("a JSON value is JSON");
    let answer = homeserver.set_state(id, event_type, raw).await;
    let written = |event_id| Written { room, event_type, event_id, content, made_from: made_from.unwrap_or_default() };
    match answer {
        Ok(event_id) => Ok(Tried::Wrote(written(event_id))),
        Err(error) if error.may_have_been_done() => Ok(Tried::Unanswered(Box::new(written(String::new())), error)),
        Err(error) => Err(error),
    }
}
