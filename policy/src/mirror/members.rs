//! Who is in a room, and by whose act: invitations and bans of ours are told from those of others.

use super::{Membership, RoomMirror};
use crate::users::UserIx;

impl RoomMirror {
    /// The membership of `user`.
    pub fn membership(&self, user: UserIx) -> Membership {
        self.members.get(user)
    }

    /// Takes one membership, as read or pushed. `left_by` is the event of a leave by choice. False where it was known.
    pub fn take_membership(&mut self, user: UserIx, membership: Membership, left_by: Option<&str>) -> bool {
        match (membership, left_by) {
            (Membership::Left, Some(event_id)) => self.set_left(user, event_id),
            _ => self.set_membership(user, membership) != membership,
        }
    }

    /// Sets a membership and keeps the counts; returns the one before.
    pub(crate) fn set_membership(&mut self, user: UserIx, membership: Membership) -> Membership {
        let before = self.members.set(user, membership);
        for (counted, count) in [(Membership::Join, &mut self.joined), (Membership::Invite, &mut self.invited)] {
            *count = *count + u32::from(membership == counted) - u32::from(before == counted);
        }
        // Only what they do themselves ends a leave by choice: who is invited, removed or banned by others has not come back.
        if matches!(membership, Membership::Join | Membership::Knock) {
            self.voluntary_leaves.remove(&user);
        }
        if membership != Membership::Invite {
            self.invited_by_others.remove(&user);
        }
        if membership != Membership::Ban {
            self.banned_by_us.remove(&user);
        }
        if matches!(membership, Membership::Join | Membership::Knock | Membership::Left) {
            self.unread_pasts.remove(&user);
        }
        before
    }

    /// The invitation of `user` is not ours.
    pub fn note_invited_by_other(&mut self, user: UserIx) {
        self.invited_by_others.insert(user);
    }

    /// Whether `user` is invited, and not by us.
    pub(crate) fn is_invited_by_others(&self, user: UserIx) -> bool {
        self.invited_by_others.contains(&user)
    }

    /// Says whether the ban of `user` is ours. Somebody else may ban who is banned, and then it is theirs.
    pub fn set_banned_by_us(&mut self, user: UserIx, is: bool) {
        if is {
            self.banned_by_us.insert(user)
        } else {
            self.banned_by_us.remove(&user)
        };
    }

    /// Whether `user` is banned, and by us.
    pub fn is_banned_by_us(&self, user: UserIx) -> bool {
        self.banned_by_us.contains(&user)
    }

    /// Everyone with any membership.
    pub fn members(&self) -> impl Iterator<Item = (UserIx, Membership)> + '_ {
        self.members.iter()
    }

    /// How many are joined.
    pub fn joined(&self) -> u32 {
        self.joined
    }

    /// How many are invited.
    pub fn invited(&self) -> u32 {
        self.invited
    }

    /// How many we invited.
    pub(crate) fn invited_by_us(&self) -> u32 {
        self.invited.saturating_sub(u32::try_from(self.invited_by_others.len()).unwrap_or(u32::MAX))
    }

    /// Every user with another membership or voluntary leave in the other.
    pub(crate) fn members_unlike(&self, other: &Self, mut unlike: impl FnMut(UserIx)) {
        self.members.differences(&other.members, &mut unlike);
        for (one, another) in [(self, other), (other, self)] {
            let voluntary_leaves = one.voluntary_leaves.iter();
            voluntary_leaves
                .filter(|(user, its)| another.voluntary_leaves.get(*user) != Some(its))
                .for_each(|(user, _)| unlike(*user));
            let unread = one.unread_pasts.keys().filter(|user| !another.unread_pasts.contains_key(*user));
            unread.for_each(|user| unlike(*user));
        }
    }
}
