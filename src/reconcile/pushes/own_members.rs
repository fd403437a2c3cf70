//! Own member writes: the pushes of our own writes. The mirror has their effect since the answer came, and a push that is late must
//! not set it back to an invitation on the way, or to a membership that a later write has changed again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use provisioner_policy::{Membership, RoomIx, UserIx};

/// A push later than this was lost, as pushes are when Synapse restarts, or comes late: it is asked about then. Until then a
/// foreign change to the same person is asked about, because its order among our writes is unknown.
const LIFETIME: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
struct PendingEchoes {
    joins: u32,
    leaves: u32,
    until: Instant,
}

/// What a push means, seen beside our own writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClassifiedMember {
    /// Nothing of ours is under way for this person: the push is news.
    News,
    /// Our own doing, known already.
    OwnWrite,
    /// A change by somebody else, before or after ours: only a reading tells.
    Unclear,
}

/// Own writes whose pushes have not come yet.
#[derive(Debug, Default)]
pub(crate) struct OwnMemberWrites {
    pending: HashMap<(RoomIx, UserIx), PendingEchoes>,
}

impl OwnMemberWrites {
    /// We joined somebody.
    pub(crate) fn joined(&mut self, room: RoomIx, user: UserIx, now: Instant) {
        self.pending(room, user, now).joins += 1;
    }

    /// We removed somebody, banned them, or took a ban back.
    pub(crate) fn removed(&mut self, room: RoomIx, user: UserIx, now: Instant) {
        self.pending(room, user, now).leaves += 1;
    }

    fn pending(&mut self, room: RoomIx, user: UserIx, now: Instant) -> &mut PendingEchoes {
        let until = now + LIFETIME;
        let pending = self.pending.entry((room, user)).or_insert(PendingEchoes { joins: 0, leaves: 0, until });
        pending.until = until;
        pending
    }

    /// Judges a pushed membership. `by_bot` says who sent it.
    pub(crate) fn classify(
        &mut self,
        room: RoomIx,
        user: UserIx,
        membership: Membership,
        by_bot: bool,
        now: Instant,
    ) -> ClassifiedMember {
        let Some(pending) = self.pending.get_mut(&(room, user)).filter(|pending| pending.until > now) else {
            self.pending.remove(&(room, user));
            return ClassifiedMember::News;
        };
        match membership {
            // An admin join into an invite-only room is an invitation by the bot, then the join.
            Membership::Invite if by_bot => return ClassifiedMember::OwnWrite,
            Membership::Join if pending.joins > 0 => pending.joins -= 1,
            Membership::Removed | Membership::Ban if by_bot && pending.leaves > 0 => pending.leaves -= 1,
            _ => return ClassifiedMember::Unclear,
        }
        if pending.joins + pending.leaves == 0 {
            self.pending.remove(&(room, user));
        }
        ClassifiedMember::OwnWrite
    }

    /// Forgets what was lost.
    pub(crate) fn forget_lost(&mut self, now: Instant) {
        self.pending.retain(|_, pending| pending.until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::pushes::tests::world;

    fn someone() -> (RoomIx, UserIx) {
        let (mut world, room) = world();
        (room, world.intern("@u:a"))
    }

    #[test]
    fn the_pushes_of_a_join_are_echoes_and_what_comes_after_is_news() {
        let ((room, user), now) = (someone(), Instant::now());
        let mut own = OwnMemberWrites::default();
        own.joined(room, user, now);
        assert_eq!(own.classify(room, user, Membership::Invite, true, now), ClassifiedMember::OwnWrite);
        assert_eq!(own.classify(room, user, Membership::Join, false, now), ClassifiedMember::OwnWrite);
        assert_eq!(own.classify(room, user, Membership::Left, false, now), ClassifiedMember::News);
    }

    #[test]
    fn a_join_undone_before_its_push_came_stays_undone() {
        let ((room, user), now) = (someone(), Instant::now());
        let mut own = OwnMemberWrites::default();
        own.joined(room, user, now);
        own.removed(room, user, now);
        assert_eq!(own.classify(room, user, Membership::Invite, true, now), ClassifiedMember::OwnWrite);
        assert_eq!(own.classify(room, user, Membership::Join, false, now), ClassifiedMember::OwnWrite);
        assert_eq!(own.classify(room, user, Membership::Removed, true, now), ClassifiedMember::OwnWrite);
        assert_eq!(own.classify(room, user, Membership::Join, false, now), ClassifiedMember::News);
    }

    #[test]
    fn somebody_elses_change_in_between_is_unclear_until_the_echo_is_given_up() {
        let ((room, user), now) = (someone(), Instant::now());
        let mut own = OwnMemberWrites::default();
        own.joined(room, user, now);
        assert_eq!(own.classify(room, user, Membership::Removed, false, now), ClassifiedMember::Unclear);
        assert_eq!(own.classify(room, user, Membership::Removed, false, now + LIFETIME), ClassifiedMember::News);
    }
}
