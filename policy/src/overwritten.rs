//! What a write of ours overwrote without meaning to: somebody's edit that landed between our read and our write. Synapse
//! answers 200 to both, and the push of our write tells what it replaced.

use serde_json::{Map, Value};

/// One value that somebody else had set, and that our write set back. `None` is a key that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overwritten {
    /// Keys from the content down to the value.
    pub path: Box<[String]>,
    pub theirs: Option<Value>,
    pub ours: Option<Value>,
}

impl Overwritten {
    /// Whether the content still has what our write left there.
    pub fn is_still_so(&self, content: &Value) -> bool {
        at(content, &self.path) == self.ours.as_ref()
    }

    /// What a write had changed to what this edit replaced: its value before the write, where it had changed it.
    pub(crate) fn changed_by<'a>(&self, made_from: &'a Value, written: &Value) -> Option<Option<&'a Value>> {
        let (before, after) = (at(made_from, &self.path), at(written, &self.path));
        (after == self.ours.as_ref() && before != after).then_some(before)
    }

    /// The path as people write it.
    pub fn name(&self) -> String {
        self.path.join(".")
    }

    /// The user whose level it is, if it is one.
    pub fn user(&self) -> Option<&str> {
        match &*self.path {
            [users, user] if users == "users" => Some(user),
            _ => None,
        }
    }

    /// Puts their value back.
    pub(crate) fn restore(&self, content: &mut Value) {
        let Some((last, above)) = self.path.split_last() else { return };
        let mut within = content;
        for key in above {
            let Some(object) = within.as_object_mut() else { return };
            within = object.entry(key.clone()).or_insert_with(|| Map::new().into());
        }
        let Some(object) = within.as_object_mut() else { return };
        match &self.theirs {
            Some(value) => {
                object.insert(last.clone(), value.clone());
            }
            None => {
                object.remove(last);
            }
        }
    }
}

pub(crate) fn at<'a>(content: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(content, |within, key| within.get(key))
}

/// What somebody had changed between the content that ours was made from and the one that it replaced, and that ours does
/// not have.
pub fn overwritten(made_from: &Value, replaced: &Value, written: &Value) -> Vec<Overwritten> {
    let mut found = Vec::new();
    compare(Some(replaced), Some(written), &mut Vec::new(), &mut found);
    found.retain(|one| at(made_from, &one.path) != one.theirs.as_ref());
    found
}

fn compare(theirs: Option<&Value>, ours: Option<&Value>, path: &mut Vec<String>, found: &mut Vec<Overwritten>) {
    let empty = Map::new();
    let objects = match (theirs, ours) {
        (Some(Value::Object(theirs)), Some(Value::Object(ours))) => Some((theirs, ours)),
        (Some(Value::Object(theirs)), None) => Some((theirs, &empty)),
        (None, Some(Value::Object(ours))) => Some((&empty, ours)),
        _ => None,
    };
    let Some((theirs_within, ours_within)) = objects else {
        if theirs != ours {
            found.push(Overwritten { path: path.as_slice().into(), theirs: theirs.cloned(), ours: ours.cloned() });
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

    #[test]
    fn what_was_lost_is_found_and_put_back_and_nothing_else_is() {
        let made_from = json!({"users": {"@a:a": 50, "@b:a": 10}, "events": {"x": 1, "z": 3}, "kick": 50});
        let theirs = json!({"users": {"@a:a": 50}, "events": {"x": 1, "y": 2}, "kick": 40, "new": {"deep": [1]}});
        let mut ours = made_from.clone();
        ours["users"]["@c:a"] = json!(50);
        let lost = overwritten(&made_from, &theirs, &ours);
        let names: Vec<_> = lost.iter().map(Overwritten::name).collect();
        assert_eq!(names, ["events.y", "events.z", "kick", "new.deep", "users.@b:a"]);
        assert_eq!(lost[4].user(), Some("@b:a"));
        assert!(lost.iter().all(|one| one.is_still_so(&ours)));
        let mut mended = ours;
        lost.iter().for_each(|one| one.restore(&mut mended));
        assert_eq!(mended["users"].as_object_mut().unwrap().remove("@c:a"), Some(json!(50)), "what we meant stays");
        assert_eq!(mended, theirs);
        assert!(lost.iter().all(|one| !one.is_still_so(&mended)));
    }
}
