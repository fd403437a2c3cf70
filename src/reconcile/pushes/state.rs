//! Pushed room state: ours or somebody's, placed by what it replaced.
//!
//! Synapse lets several events be made upon the same state, and then resolves which one stands. So neither the order of
//! pushes nor an answer of 200 says what the room's state is: an event that follows what the mirror has is taken, and any
//! other makes that one state be asked for.

use std::time::Instant;

use provisioner_policy::{RoomIx, StateEntry, World};
use serde_json::Value;

use crate::reconcile::act::attempt::Written;
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
        ClassifiedState::Own(write) => {
            let before = write.before.as_ref().map(|before| &before.content);
            let is_understood = before.is_none() || replaced(event).is_none_or(|replaced| before == Some(&replaced));
            look_for_lost(world, pushes, write.written, event);
            Some(is_understood)
        }
        ClassifiedState::Replaced => Some(true),
        ClassifiedState::News => {
            let by_bot = entry.sender == world.policy.bot;
            let written = by_bot.then(|| pushes.unanswered.take(room, &row.event_type, &entry)).flatten();
            if let Some(written) = written {
                look_for_lost(world, pushes, written, event);
            }
            None
        }
    }
}

/// Looks for what others lost to our own write, which this event is.
fn look_for_lost(world: &World, pushes: &mut PushClassifier, written: Written, event: &PushedEvent<'_>) {
    match (replaced(event), &event.unsigned.replaces_state) {
        (Some(replaced), _) => {
            let by = event.unsigned.prev_sender.and_then(|sender| serde_json::from_str(sender.get()).ok());
            pushes.lost_updates.extend(LostUpdate::of(world, &written, &replaced, by, Instant::now()));
        }
        (None, Some(replaced)) => pushes.unverified.push((written, replaced.clone())),
        // The first of its kind replaces nothing.
        (None, None) => {}
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
