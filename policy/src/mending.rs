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
    /// How often it was set back after that.
    again: u8,
    /// How often somebody set it back and did nothing else.
    meant: u8,
    /// How often minutes went by since.
    age: u8,
}

/// What is set back so often after its restoration stays so: each restoration waits longer than the one before, so that
/// whoever writes then has seen it.
const MOST: u8 = 8;

/// What is set back so often by somebody who changes nothing else is meant. Once may be a program that saw its own edit lost
/// and repeats it beside our restoration.
const MEANT: u8 = 2;

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
            self.0.push(Mend { path, theirs, superseded, restored: false, again: 0, meant: 0, age: 0 });
        }
    }

    /// Notes what was lost. Of what is known already somebody's edit told what it should be.
    pub(crate) fn note_missing(&mut self, mut lost: Vec<Overwritten>) {
        lost.retain(|lost| match self.0.iter_mut().find(|known| known.path == lost.path) {
            None => true,
            Some(known) => {
                // What our write left there may be older than any edit that is known.
                if lost.ours != known.theirs && !known.superseded.contains(&lost.ours) {
                    known.superseded.push(lost.ours.clone());
                }
                false
            }
        });
        self.note(lost);
    }

    /// Whether an edit sets back what one of these writes of ours had changed: to what was there before it, or earlier.
    pub(crate) fn is_set_back(&self, edit: &Overwritten, ours: &[(&Value, &Value)]) -> bool {
        let known = self.0.iter().find(|known| known.path == edit.path);
        let is_older = |before: Option<&Value>| {
            before == edit.theirs.as_ref() || known.is_some_and(|known| known.superseded.contains(&edit.theirs))
        };
        ours.iter().any(|(made_from, written)| edit.changed_by(made_from, written).is_some_and(is_older))
    }

    /// Somebody set these back and changed nothing else.
    pub(crate) fn note_meant(&mut self, set_back: &[Overwritten]) {
        self.0.retain_mut(|mend| {
            mend.meant += u8::from(set_back.iter().any(|one| one.path == mend.path && one.ours == mend.theirs));
            mend.meant < MEANT
        });
    }

    /// Takes new content; `ours` where the bot wrote it.
    pub(crate) fn take(&mut self, content: &Value, ours: bool) {
        self.0.retain_mut(|mend| {
            if mend.is_lost(content) {
                mend.again += u8::from(std::mem::take(&mut mend.restored));
            } else {
                mend.restored |= ours && mend.is_there(content);
            }
            mend.again < MOST
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
        for _ in 1..MOST {
            assert_eq!(wanted(&mending, 50), Some(json!(40)));
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

    #[test]
    fn what_is_set_back_by_somebody_who_does_nothing_else_is_meant() {
        let mut mending = Mending::default();
        mending.note(edit(50, 40));
        for (_, wants) in [(1, Some(json!(40))), (2, None)] {
            mending.take(&level(40), true);
            assert!(mending.is_set_back(&edit(40, 50)[0], &[(&level(50), &level(40))]));
            mending.note_meant(&edit(40, 50));
            mending.take(&level(50), false);
            assert_eq!(wanted(&mending, 50), wants);
        }
    }

    #[test]
    fn what_was_written_from_an_older_reading_than_our_restoration_is_no_edit() {
        let mut mending = Mending::default();
        [edit(10, 11), edit(11, 12), edit(12, 13)].into_iter().for_each(|edit| mending.note(edit));
        // Ours had set it back to 11, and restored it; they had read 12 before.
        let (made_from, written) = (level(11), level(13));
        let ours = [(&made_from, &written)];
        for (before, after, set_back) in
            [(13, 12, true), (13, 11, true), (13, 10, true), (13, 14, false), (12, 11, false)]
        {
            assert_eq!(mending.is_set_back(&edit(before, after)[0], &ours), set_back, "{before} to {after}");
        }
    }

    #[test]
    fn what_our_write_left_there_is_lost_also_where_it_is_older_than_the_edits_that_are_known() {
        let mut mending = Mending::default();
        mending.note(edit(11, 12));
        assert_eq!(wanted(&mending, 10), None);
        mending.note_missing(overwritten(&level(10), &level(12), &level(10)));
        assert_eq!(wanted(&mending, 10), Some(json!(12)));
    }
}
