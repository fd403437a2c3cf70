//! Lost updates: somebody's edit of the power levels that landed between our read and our write, and that our write
//! replaced. Synapse answers 200 to both; the push of our write says what it replaced. Nothing is restored here: what was
//! lost is found, so that a person can be told.

use serde_json::{Map, Value};

use crate::level_number::number;
use crate::policy::RoomIx;
use crate::world::World;

/// One value that somebody else had set, and that our write set back. `None` is a key that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostEdit {
    /// Keys from the content down to the value.
    path: Box<[String]>,
    pub theirs: Option<Value>,
    pub ours: Option<Value>,
}

impl LostEdit {
    /// The path as people write it.
    pub fn name(&self) -> String {
        self.path.join(".")
    }

    /// The user whose level it is, if it is one.
    fn user(&self) -> Option<&str> {
        match &*self.path {
            [users, user] if users == "users" => Some(user),
            _ => None,
        }
    }
}

impl World {
    /// What our write of a room's power levels lost of others': edits between the content it was made from and the one it
    /// replaced that it does not have.
    pub fn lost_edits(&self, room: RoomIx, made_from: &Value, replaced: &Value, written: &Value) -> Vec<LostEdit> {
        let mut found = Vec::new();
        compare(Some(replaced), Some(written), &mut Vec::new(), &mut found);
        found.retain(|edit| at(made_from, &edit.path) != edit.theirs.as_ref() && self.is_others_to_set(room, edit));
        found
    }

    /// Levels that the policy decides are the plan's, and no loss. A level below the default is somebody's silencing, which
    /// no plan repeats.
    fn is_others_to_set(&self, room: RoomIx, edit: &LostEdit) -> bool {
        let decided = !self.power[room.index()].is_empty();
        let Some(mxid) = edit.user().filter(|_| decided) else {
            let name = edit.name();
            let is_given = self.policy.rooms[room.index()].levels.iter().any(|(level, _)| level.name() == name);
            return !(is_given || decided && name == "users_default");
        };
        let Some(user) = self.users.get(mxid) else { return false };
        let level = |value: &Option<Value>| value.as_ref().and_then(number).unwrap_or_default();
        match self.is_exempt(user) {
            true => user != self.bot(),
            false => level(&edit.theirs) < level(&edit.ours) && self.granted(room, user).is_none(),
        }
    }
}

fn at<'a>(content: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(content, |within, key| within.get(key))
}

fn compare(theirs: Option<&Value>, ours: Option<&Value>, path: &mut Vec<String>, found: &mut Vec<LostEdit>) {
    let empty = Map::new();
    let objects = match (theirs, ours) {
        (Some(Value::Object(theirs)), Some(Value::Object(ours))) => Some((theirs, ours)),
        (Some(Value::Object(theirs)), None) => Some((theirs, &empty)),
        (None, Some(Value::Object(ours))) => Some((&empty, ours)),
        _ => None,
    };
    let Some((theirs_within, ours_within)) = objects else {
        if theirs != ours {
            found.push(LostEdit { path: path.as_slice().into(), theirs: theirs.cloned(), ours: ours.cloned() });
        }
        return;
    };
    let only_ours = ours_within.keys().filter(|key| !theirs_within.contains_key(*key));
    for key in theirs_within.keys().chain(only_ours) {
        path.push(key.clone());
        compare(theirs_within.get(key), ours_within.get(key), path, found);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Policy, PowerGrant, RoomPolicy, Selector, Unlisted};

    #[test]
    fn what_was_lost_is_found_and_nothing_else_is() {
        let made_from = json!({"users": {"@a:a": 50, "@b:a": 10}, "events": {"x": 1, "z": 3}, "kick": 50});
        let theirs = json!({"users": {"@a:a": 50}, "events": {"x": 1, "y": 2}, "kick": 40, "new": {"deep": [1]}});
        let mut ours = made_from.clone();
        ours["users"]["@c:a"] = json!(50);
        let world = World::new(Policy { rooms: vec![room(vec![])], ..Policy::default() });
        let lost = world.lost_edits(RoomIx(0), &made_from, &theirs, &ours);
        let names: Vec<_> = lost.iter().map(LostEdit::name).collect();
        assert_eq!(names, ["events.y", "events.z", "kick", "new.deep", "users.@b:a"]);
        assert_eq!((&lost[2].theirs, &lost[2].ours), (&Some(json!(40)), &Some(json!(50))));
    }

    #[test]
    fn a_level_that_the_policy_decides_is_no_loss_and_one_of_somebody_exempt_is() {
        let mut world = World::new(Policy {
            server_name: "a".to_owned(),
            exempt: vec!["@x:a".to_owned()],
            rooms: vec![room(vec![PowerGrant { level: 50, grant: vec![Selector::Subject("lead".to_owned())] }])],
            ..Policy::default()
        });
        world.intern("@b:a");
        let lost = |theirs: Value| {
            let ours = json!({"users": {"@b:a": 10, "@lead:a": 50}});
            let lost = world.lost_edits(RoomIx(0), &ours, &theirs, &ours);
            lost.iter().map(LostEdit::name).collect::<Vec<_>>()
        };
        assert_eq!(lost(json!({"users": {"@b:a": 60, "@lead:a": 40}})), Vec::<String>::new());
        assert_eq!(lost(json!({"users": {"@b:a": -1, "@lead:a": 50, "@x:a": 7}})), ["users.@b:a", "users.@x:a"]);
    }

    fn room(power: Vec<PowerGrant>) -> RoomPolicy {
        RoomPolicy {
            unlisted: Unlisted::Keep,
            power,
            ..RoomPolicy::new("r", "!r:a", vec![Selector::Subject("lead".to_owned())])
        }
    }
}
