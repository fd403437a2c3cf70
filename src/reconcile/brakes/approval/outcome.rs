//! What came of what one request approved: its sender is told of that alone, as soon as the last part of it has ended, whatever
//! else the pass has to do.

use crate::reconcile::report::{Failed, PassReport};

/// How an action with approved parts ended.
#[derive(Debug)]
pub(crate) enum ApprovedEnd {
    Done,
    AlreadySo,
    /// It is held again: somebody is asked once more before it is tried once more.
    Failed(Failed),
}

/// What came of it so far, part by part: a message shows people, and one event may be about many.
#[derive(Debug, Default)]
pub(crate) struct ApprovalOutcome {
    done: usize,
    already_so: usize,
    failed: Vec<Failed>,
    /// What was shown and is no longer held: it is left alone.
    pub(crate) not_due: usize,
    /// Why it was not taken.
    pub(crate) refusals: Vec<String>,
}

impl ApprovalOutcome {
    pub(super) fn part_ended(&mut self, end: &ApprovedEnd) {
        match end {
            ApprovedEnd::Done => self.done += 1,
            ApprovedEnd::AlreadySo => self.already_so += 1,
            // Of one event that is about many there is one failure.
            ApprovedEnd::Failed(why) if self.failed.contains(why) => {}
            ApprovedEnd::Failed(why) => self.failed.push(why.clone()),
        }
    }

    /// Of the request alone; `slice` says what is held beside it, and `waiting` how much of it has not ended. A pause that kept nothing
    /// of it back is not told of; it has kept back what nothing came of.
    pub(super) fn report(self, waiting: usize, slice: &PassReport) -> PassReport {
        let nothing_came = self.done + self.already_so + self.failed.len() + self.not_due == 0;
        let is_kept_back = waiting > 0 || nothing_came || !self.refusals.is_empty();
        PassReport {
            plan_id: slice.plan_id.clone(),
            done: self.done,
            already_so: self.already_so,
            held: slice.held,
            held_id: slice.held_id.clone(),
            held_because: slice.held_because.clone(),
            waiting,
            failed: self.failed,
            not_due: self.not_due,
            paused: slice.paused.clone().filter(|_| is_kept_back),
            errors: self.refusals,
            ..PassReport::default()
        }
    }
}
