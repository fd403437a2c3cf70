//! Pushed room state: ours or somebody's, placed by what it replaced.
//!
//! Synapse lets several events be made upon the same state, and then resolves which one stands. So neither the order of
//! pushes nor an answer of 200 says what the room's state is: an event that follows what the mirror has is taken, and any
//! other makes that one state be asked for.

use std::time::Instant;

use provisioner_policy::{RoomIx, StateEntry, World};
use serde_json::Value;

use crate::reconcile::pushes::age::Age;
use crate::reconcile::pushes::classifier::PushClassifier;
use crate::reconcile::pushes::event::PushedEvent;
use crate::reconcile::pushes::lost_updates::LostUpdate;
use crate::reconcile::pushes::own_state::ClassifiedState;
use crate::reconcile::room_mirror::is_read;
use crate::store::InboxRow;

/// What the push of a state event with an empty state key says of our own writes; `None` where it says nothing. Some are
/// understood with `true`, others only by asking for the state.
pub(crate) fn classify_own(
    world: &World,
    pushes: &mut PushClassifier,
    room: RoomIx,
    row: &InboxRow,
    event: &PushedEvent<'_>,
) -> Option<bool> {
    let content = serde_json::from_str(event.content.get()).ok()?;
    let entry = StateEntry { content, sender: event.sender.clone(), event_id: row.event_id.clone() };
    match pushes.own_state.classify(room, &row.event_type, &entry) {
        ClassifiedState::Own(write) => Some(match (replaced(event), &event.unsigned.replaces_state) {
            (Some(replaced), _) => {
                pushes.lost_updates.extend(LostUpdate::of(world, &write, &replaced, Instant::now()));
                write.before.is_none_or(|before| before.content == replaced)
            }
            (None, Some(replaced)) => {
                pushes.unverified.push((*write, replaced.clone()));
                true
            }
            // The first of its kind replaces nothing.
            (None, None) => true,
        }),
        ClassifiedState::Replaced => Some(true),
        ClassifiedState::News => None,
    }
}

/// Takes a state event into the mirror; false where only Synapse can tell what that state is now, `None` where the event cannot
/// be read.
pub(crate) fn apply(world: &mut World, room: RoomIx, row: &InboxRow, event: PushedEvent<'_>, age: Age) -> Option<bool> {
    let content: Value = serde_json::from_str(event.content.get()).ok()?;
    let replaced = replaced(&event);
    let Some(state_key) = event.state_key else {
        // A message: of no concern to the mirror.
        return Some(true);
    };
    let state = StateEntry { content, sender: event.sender, event_id: row.event_id.clone() };
    let settings = &world.policy.rooms[room.index()].settings;
    if !state_key.is_empty() || !is_read(settings, &row.event_type) {
        // Nothing looks at it, and a reading would not tell it.
        return Some(true);
    }
    let now = world.room(room).content(&row.event_type);
    let follows = match &replaced {
        Some(replaced) => now == Some(replaced),
        None => now.is_none() && event.unsigned.replaces_state.is_none() && age == Age::News,
    };
    if follows || now == Some(&state.content) {
        world.set_state(room, &row.event_type, state);
        return Some(true);
    }
    Some(false)
}

fn replaced(event: &PushedEvent<'_>) -> Option<Value> {
    event.unsigned.prev_content.and_then(|content| serde_json::from_str(content.get()).ok())
}
