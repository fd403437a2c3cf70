//! What becomes of the held plan that is stored, once another plan has been made. Pure: the store is the parent's.

use std::collections::HashSet;

use provisioner_policy::{Digest, HeldCount, HeldPart};

/// The held plan that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Current {
    pub(super) id: String,
    pub(super) parts: HashSet<Digest>,
    pub(super) counts: Vec<HeldCount>,
}

/// How far the plan that was made can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// Every source, every room and the listing of accounts were read. Otherwise the plan is poorer than the truth: what is missing
    /// in it counts as held still, and only what is new makes another held plan.
    pub(super) whole: bool,
    /// It is what somebody was shown and approves by its id, and is stored also where it is poorer. What of the plan before is missing
    /// in it was shown all the same, and is held when it is planned again.
    pub(super) as_shown: bool,
}

/// What is to be done in the store.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Stays,
    Replaced(HeldPart),
    /// Nothing is held any more.
    Over,
}

/// What becomes of `current` when `now` is held. `is_idle` is a room, by its key, of which the plan says nothing.
pub(super) fn next(
    current: Option<&Current>,
    now: Option<HeldPart>,
    sight: Sight,
    is_idle: impl Fn(&str) -> bool,
) -> Next {
    if now.as_ref().map(|part| &part.id) == current.map(|current| &current.id) {
        return Next::Stays;
    }
    let is_new = |part: &HeldPart| match current {
        Some(current) => part.parts.iter().any(|one| !current.parts.contains(one)),
        None => true,
    };
    if !sight.whole && !sight.as_shown && !now.as_ref().is_some_and(is_new) {
        return Next::Stays;
    }
    let Some(mut part) = now else { return Next::Over };
    if !sight.whole {
        // Of how many something was held at first is not forgotten with a room that cannot be read.
        let unseen = current.iter().flat_map(|current| &current.counts);
        part.counts.extend(unseen.filter(|one| one.room.as_deref().is_some_and(&is_idle)).cloned());
    }
    Next::Replaced(part)
}

#[cfg(test)]
mod tests;
