//! What came of a pass, for the log, the exit code and `apply --json`.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// A failed action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    pub kind: String,
    pub room: Option<String>,
    pub user: Option<String>,
    pub error: String,
}

impl Failed {
    fn about(&self) -> (&str, Option<&str>, Option<&str>) {
        (&self.kind, self.room.as_deref(), self.user.as_deref())
    }
}

/// What came of a pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PassReport {
    pub plan_id: String,
    /// Carried out.
    pub done: usize,
    /// Found to be so already.
    pub already_so: usize,
    /// Planned, and its class is on observe.
    pub observed: usize,
    /// Withheld by the guard.
    pub held: usize,
    /// What `apply --approve` takes.
    pub held_id: Option<String>,
    /// Why, one line a room.
    pub held_because: Vec<String>,
    /// Cannot or may not be made so.
    pub blocked: usize,
    /// Failed before and waiting for its next try, or not tried because the service was stopped.
    pub waiting: usize,
    /// Would take something away, and waits until the sources have said so for long enough.
    #[serde(default)]
    pub settling: usize,
    /// Names and pictures that are due and come later: so many at once and no more, and a picture is fetched first.
    #[serde(default)]
    pub later: usize,
    pub failed: Vec<Failed>,
    /// Shown with what was approved, and no longer held: left alone.
    #[serde(default)]
    pub not_due: usize,
    /// Why nothing was written, where somebody has paused everything.
    pub paused: Option<String>,
    /// Trouble beside single actions: sources, rooms, the database.
    pub errors: Vec<String>,
    /// What the reader should know and need not act on at once.
    pub notices: Vec<String>,
}

impl PassReport {
    /// Exit code of `apply`: 1 something failed, 3 part held by the guard, 0 done.
    pub fn exit_code(&self) -> u8 {
        if !self.failed.is_empty() || !self.errors.is_empty() || self.paused.is_some() || self.waiting > 0 {
            1
        } else if self.held > 0 {
            3
        } else {
            0
        }
    }

    /// Actions that were tried to an end, whichever.
    pub fn ended(&self) -> usize {
        self.done + self.already_so + self.failed.len()
    }

    /// How a pass can end, as the metric names it.
    pub const OUTCOMES: [&'static str; 4] = ["done", "held", "failed", "paused"];

    /// How it ended.
    pub fn outcome(&self) -> &'static str {
        let [done, held, failed, paused] = Self::OUTCOMES;
        match self.exit_code() {
            _ if self.paused.is_some() => paused,
            0 => done,
            3 => held,
            _ => failed,
        }
    }

    /// Adds what a later slice of the same pass did.
    pub fn add(&mut self, slice: PassReport) {
        let (done, already_so) = (self.done + slice.done, self.already_so + slice.already_so);
        let mut failed = std::mem::take(&mut self.failed);
        // What was tried again and failed again is one failure, with its newest words.
        let again: HashSet<_> = slice.failed.iter().map(Failed::about).collect();
        failed.retain(|one| !again.contains(&one.about()));
        failed.extend(slice.failed.iter().cloned());
        let plan_id = if self.plan_id.is_empty() { slice.plan_id.clone() } else { std::mem::take(&mut self.plan_id) };
        *self = PassReport { plan_id, done, already_so, failed, ..slice };
    }
}
