//! What others set in a room's power levels while we wrote them too, kept until it is certain to have stayed.

use serde_json::Value;

use crate::overwritten::{Overwritten, at};

/// What others set beside our own writes, and what they replaced. Where the room says again what they replaced, theirs was
/// lost to ours and is restored, more than once if need be: a client that read before the restoration and wrote after it
/// sets it back without meaning to, and so may Synapse when it resolves two events made at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mending(Vec<Mend>);

#[derive(Clone, Debug)]
struct Mend {
    path: Box<[String]>,
    theirs: Option<Value>,
    superseded: Vec<Option<Value>>,
    restored: bool,
    again: u8,
    /// How often minutes went by since.
    age: u8,
}

/// What is set back so often after its restoration is meant. Synapse settles events made at the same moment by setting
/// some of them back, and with eight writers at once that was seen seven times for one edit.
const MEANT: u8 = 20;

/// The age at which whoever sets it back has seen it.
const SEEN: u8 = 2;

impl Mend {
    fn is_there(&self, content: &Value) -> bool {
        at(content, &self.path) == self.theirs.as_ref()
    }

    fn is_lost(&self, content: &Value) -> bool {
        let now = at(content, &self.path);
        self.superseded.iter().any(|superseded| superseded.as_ref() == now)
    }
}

impl Mending {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes what somebody set, in the order in which they did.
    pub(crate) fn note(&mut self, edits: impl IntoIterator<Item = Overwritten>) {
        for Overwritten { path, theirs, ours } in edits {
            let known = self.0.iter().position(|known| known.path == path).map(|known| self.0.remove(known));
            let mut superseded = known.map_or_else(Vec::new, |known| known.superseded);
            superseded.push(ours);
            superseded.retain(|value| *value != theirs);
            self.0.push(Mend { path, theirs, superseded, restored: false, again: 0, age: 0 });
        }
    }

    /// Notes what was lost, where nothing is known of it yet.
    pub(crate) fn note_missing(&mut self, mut lost: Vec<Overwritten>) {
        lost.retain(|lost| self.0.iter().all(|known| known.path != lost.path));
        self.note(lost);
    }

    /// Takes new content; `ours` where the bot wrote it.
    pub(crate) fn take(&mut self, content: &Value, ours: bool) {
        self.0.retain_mut(|mend| {
            if mend.is_lost(content) {
                mend.again += u8::from(std::mem::take(&mut mend.restored));
            } else {
                mend.restored |= ours && mend.is_there(content);
            }
            mend.again < MEANT
        });
    }

    /// Minutes went by: what is not lost now is settled.
    pub(crate) fn age(&mut self, content: Option<&Value>) {
        self.0.iter_mut().for_each(|mend| mend.age = mend.age.saturating_add(1));
        self.0.retain(|mend| mend.age < SEEN || content.is_some_and(|content| mend.is_lost(content)));
    }

    /// What is missing in the content.
    pub(crate) fn to_restore(&self, content: &Value) -> Vec<Overwritten> {
        let lost = self.0.iter().filter(|mend| mend.is_lost(content));
        lost.map(|Mend { path, theirs, .. }| Overwritten {
            path: path.clone(),
            theirs: theirs.clone(),
            ours: at(content, path).cloned(),
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::overwritten::overwritten;

    fn level(level: u8) -> Value {
        json!({ "kick": level })
    }

    fn edit(before: u8, after: u8) -> Vec<Overwritten> {
        overwritten(&level(before), &level(after), &level(before))
    }

    fn wanted(mending: &Mending, now: u8) -> Option<Value> {
        mending.to_restore(&level(now)).first().map(|one| one.theirs.clone().unwrap())
    }

    #[test]
    fn a_restoration_is_made_again_until_time_passed_or_somebody_means_to_undo_it() {
        let mut mending = Mending::default();
        mending.note(edit(50, 40));
        assert_eq!((wanted(&mending, 50), wanted(&mending, 40), wanted(&mending, 60)), (Some(json!(40)), None, None));
        mending.take(&level(40), true);
        mending.take(&level(50), false);
        assert_eq!(wanted(&mending, 50), Some(json!(40)), "they had read before");
        for _ in 0..MEANT {
            mending.take(&level(40), true);
            mending.take(&level(50), false);
        }
        assert_eq!(wanted(&mending, 50), None);
        mending.note(edit(50, 40));
        mending.age(Some(&level(50)));
        mending.age(Some(&level(50)));
        assert_eq!(wanted(&mending, 50), Some(json!(40)), "not restored yet");
        mending.age(Some(&level(40)));
        assert!(mending.is_empty());
    }

    #[test]
    fn what_somebody_set_twice_is_restored_as_they_set_it_last() {
        let mut mending = Mending::default();
        [edit(10, 11), edit(11, 12), edit(12, 13)].into_iter().for_each(|edit| mending.note(edit));
        for now in [10, 11, 12] {
            assert_eq!(wanted(&mending, now), Some(json!(13)));
        }
        mending.note_missing(edit(10, 12));
        assert_eq!(wanted(&mending, 10), Some(json!(13)));
        mending.note(edit(13, 10));
        assert_eq!(
            (wanted(&mending, 10), wanted(&mending, 13)),
            (None, Some(json!(10))),
            "they took it back themselves"
        );
    }
}
