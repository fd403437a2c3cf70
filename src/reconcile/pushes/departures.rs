//! Leaves by choice, for those who are told what happens: the one thing of theirs that nothing else tells. Asks nothing, and
//! changes nothing of the world.

use provisioner_policy::World;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::objects::object;
use crate::reconcile::pushes::event::PushedEvent;
use crate::store::{InboxRow, OwnLeave};

/// What is older is history: a new application service may be told of years of it. The inbox knows an event for as long.
const LONGEST_AGE: i64 = 7 * 24 * 3600 * 1000;

#[derive(Deserialize)]
struct MemberContent {
    membership: String,
}

/// The leave that a pushed event is, whatever the mirror knows of it already. A declined invitation is none, and neither is
/// Synapse's parting of an account that this service closed.
pub(crate) fn own_leave(world: &World, row: &InboxRow) -> Option<OwnLeave> {
    let room = world.room_by_id(&row.room_id).filter(|_| row.event_type == "m.room.member")?;
    let event: PushedEvent<'_> = serde_json::from_str(&row.event).ok()?;
    let user_id = event.state_key.clone().filter(|user| *user == event.sender && *user != world.policy.bot)?;
    let membership = |content: &RawValue| object(content).map(|MemberContent { membership }| membership);
    if membership(event.content)? != "leave" || event.unsigned.age.is_some_and(|age| age > LONGEST_AGE) {
        return None;
    }
    let before = event.unsigned.prev_content.and_then(membership);
    let was_there = before.as_deref().is_none_or(|before| before == "join");
    let closed_by_us = world.users.get(&user_id).is_some_and(|user| world.facts.closed_by_us.contains_key(&user));
    (was_there && !closed_by_us).then(|| OwnLeave {
        event_id: row.event_id.clone(),
        user_id,
        room_id: row.room_id.clone(),
        room_key: room.key(world).to_owned(),
        was_joined: before.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::reconcile::pushes::tests::{row, world};

    fn told(sender: &str, membership: &str, before: Value, age: i64) -> Option<bool> {
        let (world, _) = world();
        let event = json!({
            "sender": sender, "state_key": "@u:a", "content": {"membership": membership},
            "unsigned": {"age": age, "prev_content": before}
        });
        own_leave(&world, &row("!r:a", "m.room.member", &event)).map(|leave| leave.was_joined)
    }

    #[test]
    fn a_leave_by_choice_is_told_and_nothing_else() {
        let joined = json!({"membership": "join"});
        assert_eq!(told("@u:a", "leave", joined.clone(), 1000), Some(true));
        // Synapse repeats a transaction without what was before.
        assert_eq!(told("@u:a", "leave", Value::Null, 1000), Some(false));
        assert_eq!(told("@mod:a", "leave", joined.clone(), 1000), None, "a kick");
        assert_eq!(told("@u:a", "join", joined.clone(), 1000), None, "a new name");
        assert_eq!(told("@u:a", "leave", json!({"membership": "invite"}), 1000), None, "a declined invitation");
        assert_eq!(told("@u:a", "leave", joined, LONGEST_AGE + 1), None, "history");
    }
}
