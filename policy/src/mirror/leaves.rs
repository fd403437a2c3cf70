//! Leaves by choice, and what is not known yet of them: somebody who chose to leave is not joined again.

use super::{Membership, RoomMirror};
use crate::users::UserIx;

/// A voluntary leave: the user sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoluntaryLeave {
    /// The leave event.
    pub event_id: Box<str>,
    /// The entitlement was lost since, or somebody asked: the next entitlement joins again.
    pub cleared: bool,
    /// The account was seen open after it. Synapse's own parting of an account that is being deactivated is sent by the user,
    /// too, and is nobody's choice.
    pub chosen: bool,
}

impl RoomMirror {
    /// Records a leave by choice. A voluntary leave already known by this event stays cleared. False where it was known.
    pub(super) fn set_left(&mut self, user: UserIx, event_id: &str) -> bool {
        self.set_membership(user, Membership::Left);
        self.put_leave(user, event_id)
    }

    /// False where it was known: then whatever is known of it stands.
    fn put_leave(&mut self, user: UserIx, event_id: &str) -> bool {
        let known = self.voluntary_leaves.get(&user).is_some_and(|known| &*known.event_id == event_id);
        if !known {
            let leave = VoluntaryLeave { event_id: event_id.into(), cleared: false, chosen: false };
            self.voluntary_leaves.insert(user, leave);
        }
        !known
    }

    /// Notes that `event_id`, sent by somebody else, made a user what they are here, and nothing is known of before.
    pub fn set_past_unread(&mut self, user: UserIx, event_id: &str) {
        self.unread_pasts.insert(user, event_id.into());
    }

    /// Says whether a leave by choice came before. False where that is known or of no concern any more.
    pub(crate) fn settle_past(&mut self, user: UserIx, left_by: Option<&str>) -> bool {
        let unread = self.unread_pasts.remove(&user).is_some();
        match left_by {
            _ if !unread => {}
            Some(event_id) => {
                self.put_leave(user, event_id);
            }
            None => {
                self.voluntary_leaves.remove(&user);
            }
        }
        unread
    }

    /// The event whose past says whether `user` had left by choice, where that has not been read.
    pub fn unread_past(&self, user: UserIx) -> Option<&str> {
        self.unread_pasts.get(&user).map(|event_id| &**event_id)
    }

    /// Whether there is any past that has not been read.
    pub fn has_unread_pasts(&self) -> bool {
        !self.unread_pasts.is_empty()
    }

    /// Notes that the account of `user` is open, and so what they left they left by choice. False where that was known.
    pub(crate) fn set_chosen(&mut self, user: UserIx) -> bool {
        self.voluntary_leaves.get_mut(&user).is_some_and(|leave| !std::mem::replace(&mut leave.chosen, true))
    }

    /// Users who left by choice, as far as that is known.
    pub(crate) fn leavers(&self) -> impl Iterator<Item = (UserIx, &VoluntaryLeave)> {
        self.voluntary_leaves.iter().map(|(user, leave)| (*user, leave))
    }

    /// Takes over from the mirror before which leaves were chosen, and those that stand behind what others did, as far as was
    /// known: a loss of the entitlement clears them, be they read or not.
    pub(crate) fn inherit_leaves(&mut self, before: &Self) {
        for user in self.unread_pasts.keys() {
            if let Some(known) = before.voluntary_leaves.get(user) {
                self.voluntary_leaves.insert(*user, known.clone());
            }
        }
        for (user, leave) in &mut self.voluntary_leaves {
            let known = before.voluntary_leaves.get(user).filter(|known| known.event_id == leave.event_id);
            leave.chosen |= known.is_some_and(|known| known.chosen);
        }
    }

    /// Clears a voluntary leave, if it is still the one meant. False where nothing was to be cleared.
    pub(crate) fn clear_leave(&mut self, user: UserIx, event_id: &str) -> bool {
        let voluntary_leave = self.voluntary_leaves.get_mut(&user).filter(|known| &*known.event_id == event_id);
        voluntary_leave.is_some_and(|voluntary_leave| !std::mem::replace(&mut voluntary_leave.cleared, true))
    }

    /// The voluntary leave of `user`, if they left by choice.
    pub fn voluntary_leave(&self, user: UserIx) -> Option<&VoluntaryLeave> {
        self.voluntary_leaves.get(&user)
    }
}
