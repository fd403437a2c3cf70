//! What comes of a planned change, in words: the same for places, flags and levels. It decides nothing.

use crate::fight::Fight;
use crate::plan::{Change, Class, Plan};
use crate::policy::Mode;
use crate::world::World;

/// What comes of a planned change.
pub(super) enum Outlook<'a> {
    /// When it is done, or that it is only counted: the reason follows.
    Ahead(String),
    /// Somebody keeps undoing it: that is the reason.
    Fought(&'a Fight),
}

impl Outlook<'_> {
    /// What comes of it, and why.
    pub(super) fn because(self, why: &str) -> String {
        match self {
            Self::Ahead(words) => format!("{words}: {why}"),
            Self::Fought(fight) => fight.text(),
        }
    }
}

impl World {
    /// What comes of a change of one user's place or flag. `done` says what it does to them: "removed", "granted".
    pub(super) fn outlook(&self, change: &Change, done: &str, plan: &Plan) -> Outlook<'_> {
        let mut held = plan.of(change.room(), change.kind()).iter().filter(|action| action.is_held());
        let is_held = held.any(|action| action.change.user() == change.user());
        self.outlook_of(change.class(), done, is_held, self.fight(change))
    }

    /// The same of any change of this class.
    pub(super) fn outlook_of<'a>(
        &self,
        class: Class,
        done: &str,
        is_held: bool,
        fight: Option<&'a Fight>,
    ) -> Outlook<'a> {
        let words = match (class.mode(&self.policy.modes), fight) {
            _ if is_held => format!("will be {done} once somebody approves it, and not before (`plan` says why)"),
            // On observe nothing is tried again either.
            (Mode::Observe, _) => format!("would be {done}, and {} are only counted", class.key().replace('_', " ")),
            (Mode::Enforce, Some(fight)) => return Outlook::Fought(fight),
            (Mode::Enforce, None) => format!("will be {done} at the next pass"),
        };
        Outlook::Ahead(words)
    }
}
