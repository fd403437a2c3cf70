//! Places that somebody got by another hand than ours, as pushes tell: a join that we did not make, a level that we did not
//! raise. Whether they are entitled to it is judged by the core, see `World::note_stranger`.

use chrono::{DateTime, TimeDelta, Utc};
use provisioner_policy::{Bucket, Class, Levels, Membership, Mode, RoomIx, UserIx, World};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::objects::object;
use crate::reconcile::pushes::event::PushedEvent;
use crate::store::InboxRow;

/// From when we note that we join somebody until Synapse has done it, at most.
const LONGEST_JOIN: TimeDelta = TimeDelta::minutes(10);

/// A year: longer than Synapse keeps pushes back, and short enough for arithmetic.
const LONGEST_AGE: i64 = 366 * 24 * 3600 * 1000;

#[derive(Deserialize)]
struct Before {
    membership: String,
}

/// A place that somebody got, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) bucket: Bucket,
    pub(crate) user: UserIx,
    pub(crate) at: DateTime<Utc>,
    /// A join of ours since then is the one that gave it.
    pub(crate) ours_since: DateTime<Utc>,
}

/// The places that this event gave. Whatever the mirror knows already: an event may come late, after a reading.
pub(crate) fn places(world: &mut World, room: RoomIx, row: &InboxRow, event: &PushedEvent<'_>) -> Vec<Place> {
    let is_enforced = |class: Class| class.mode(&world.policy.modes) == Mode::Enforce;
    if event.sender == world.policy.bot {
        return Vec::new();
    }
    let (class, users): (Class, Vec<String>) = match row.event_type.as_str() {
        "m.room.member" if is_enforced(Class::Removals) => {
            let user = event.state_key.clone().filter(|_| is_entry(world, room, event));
            (Class::Removals, user.into_iter().collect())
        }
        "m.room.power_levels" if is_enforced(Class::PowerLevels) => {
            (Class::PowerLevels, raised(world, room, event).unwrap_or_default())
        }
        _ => return Vec::new(),
    };
    // Another server's word on the age of its events counts for nothing.
    let sender = world.intern(&event.sender);
    let age = event.unsigned.age.filter(|_| world.users.is_local(sender)).unwrap_or_default();
    let at = row.received_at - TimeDelta::milliseconds(age.clamp(0, LONGEST_AGE));
    let place = |mxid: &String| Place {
        bucket: (class, Some(room)),
        user: world.intern(mxid),
        at,
        ours_since: at - LONGEST_JOIN,
    };
    users.iter().map(place).collect()
}

/// Whether somebody came in: a new name is a membership event, too.
fn is_entry(world: &World, room: RoomIx, event: &PushedEvent<'_>) -> bool {
    let membership = |content: &RawValue| object(content).map(|Before { membership }| membership);
    if membership(event.content).as_deref() != Some("join") {
        return false;
    }
    match event.unsigned.prev_content.and_then(membership) {
        Some(before) => before != "join",
        // Without what was before, or where Synapse leaves it out: users that the mirror does not have there yet.
        None => {
            let user = event.state_key.as_deref().and_then(|user| world.users.get(user));
            user.is_none_or(|user| world.room(room).membership(user) != Membership::Join)
        }
    }
}

/// Who had no level of their own, and has one now. Of those who had one, more would be lost than was added.
fn raised(world: &World, room: RoomIx, event: &PushedEvent<'_>) -> Option<Vec<String>> {
    let content = |raw: &serde_json::value::RawValue| serde_json::from_str::<Value>(raw.get()).ok();
    let (now, before) = (content(event.content)?, event.unsigned.prev_content.and_then(content)?);
    let creators = || world.room(room).creators();
    let (now, before) = (Levels::read(Some(&now), creators()).ok()?, Levels::read(Some(&before), creators()).ok()?);
    let had_none = |mxid: &str| before.of(mxid) <= before.default_level();
    let raised = now.entries().filter(|(mxid, level)| *level > before.of(mxid) && had_none(mxid));
    Some(raised.map(|(mxid, _)| mxid.to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use provisioner_policy::Modes;
    use serde_json::json;

    use super::*;
    use crate::reconcile::pushes::tests::{row, world_in};

    fn placed(event_type: &str, event: &Value) -> Vec<String> {
        let (mut world, room) =
            world_in(Modes { removals: Mode::Enforce, power_levels: Mode::Enforce, ..Modes::default() });
        let row = row("!r:a", event_type, event);
        let places = places(&mut world, room, &row, &serde_json::from_str(&row.event).unwrap());
        places.iter().map(|place| world.users.mxid(place.user)).collect()
    }

    #[test]
    fn who_comes_in_by_another_hand_is_named_and_who_changes_their_name_is_not() {
        let member = |sender: &str, before: Value| {
            let content = json!({"membership": "join"});
            json!({"sender": sender, "state_key": "@u:a", "content": content, "unsigned": {"prev_content": before}})
        };
        let invited = json!({"membership": "invite"});
        assert_eq!(placed("m.room.member", &member("@u:a", invited.clone())), ["@u:a"]);
        assert_eq!(placed("m.room.member", &member("@bot:a", invited)), Vec::<String>::new());
        assert_eq!(placed("m.room.member", &member("@u:a", json!({"membership": "join"}))), Vec::<String>::new());
    }

    /// Who adds one to a level that somebody has would otherwise make all of it a stranger's.
    #[test]
    fn only_who_had_no_level_is_named_when_levels_are_raised() {
        let levels = |a: i64, b: i64| json!({"users": {"@bot:a": 100, "@a:a": a, "@b:a": b}});
        let event = json!({
            "sender": "@manager:a", "state_key": "", "content": levels(51, 50),
            "unsigned": {"prev_content": levels(50, 0)},
        });
        assert_eq!(placed("m.room.power_levels", &event), ["@b:a"]);
    }
}
