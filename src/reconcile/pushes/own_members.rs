//! Echoes: the pushes of our own writes. The mirror has their effect since the answer came, and a push that is late must
//! not set it back to an invitation on the way, or to a membership that a later write has changed again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use provisioner_policy::{Membership, RoomIx, UserIx};

/// A push later than this was lost, as pushes are when Synapse restarts. Until then a foreign change to the same person
/// makes the room be read again, because its order among our writes is unknown.
const LIFETIME: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
struct Awaited {
    joins: u32,
    leaves: u32,
    until: Instant,
}

/// What a push means, seen beside our own writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// Nothing of ours is under way for this person: the push is news.
    News,
    /// Our own doing, known already.
    Echo,
    /// A change by somebody else, before or after ours: only a reading tells.
    Unclear,
}

/// Own writes whose pushes have not come yet.
#[derive(Debug, Default)]
pub(crate) struct Echoes {
    awaited: HashMap<(RoomIx, UserIx), Awaited>,
}

impl Echoes {
    /// We joined somebody.
    pub(crate) fn joined(&mut self, room: RoomIx, user: UserIx, now: Instant) {
        self.awaited(room, user, now).joins += 1;
    }

    /// We removed somebody.
    pub(crate) fn removed(&mut self, room: RoomIx, user: UserIx, now: Instant) {
        self.awaited(room, user, now).leaves += 1;
    }

    fn awaited(&mut self, room: RoomIx, user: UserIx, now: Instant) -> &mut Awaited {
        let until = now + LIFETIME;
        let awaited = self.awaited.entry((room, user)).or_insert(Awaited { joins: 0, leaves: 0, until });
        awaited.until = until;
        awaited
    }

    /// Judges a pushed membership. `by_bot` says who sent it.
    pub(crate) fn hear(
        &mut self,
        room: RoomIx,
        user: UserIx,
        membership: Membership,
        by_bot: bool,
        now: Instant,
    ) -> Hearing {
        let Some(awaited) = self.awaited.get_mut(&(room, user)).filter(|awaited| awaited.until > now) else {
            self.awaited.remove(&(room, user));
            return Hearing::News;
        };
        match membership {
            // An admin join into an invite-only room is an invitation by the bot, then the join.
            Membership::Invite if by_bot => return Hearing::Echo,
            Membership::Join if awaited.joins > 0 => awaited.joins -= 1,
            Membership::Removed if by_bot && awaited.leaves > 0 => awaited.leaves -= 1,
            _ => return Hearing::Unclear,
        }
        if awaited.joins + awaited.leaves == 0 {
            self.awaited.remove(&(room, user));
        }
        Hearing::Echo
    }

    /// Forgets what was lost.
    pub(crate) fn forget_lost(&mut self, now: Instant) {
        self.awaited.retain(|_, awaited| awaited.until > now);
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
        let mut echoes = Echoes::default();
        echoes.joined(room, user, now);
        assert_eq!(echoes.hear(room, user, Membership::Invite, true, now), Hearing::Echo);
        assert_eq!(echoes.hear(room, user, Membership::Join, false, now), Hearing::Echo);
        assert_eq!(echoes.hear(room, user, Membership::Left, false, now), Hearing::News);
    }

    #[test]
    fn a_join_undone_before_its_push_came_stays_undone() {
        let ((room, user), now) = (someone(), Instant::now());
        let mut echoes = Echoes::default();
        echoes.joined(room, user, now);
        echoes.removed(room, user, now);
        assert_eq!(echoes.hear(room, user, Membership::Invite, true, now), Hearing::Echo);
        assert_eq!(echoes.hear(room, user, Membership::Join, false, now), Hearing::Echo);
        assert_eq!(echoes.hear(room, user, Membership::Removed, true, now), Hearing::Echo);
        assert_eq!(echoes.hear(room, user, Membership::Join, false, now), Hearing::News);
    }

    #[test]
    fn somebody_elses_change_in_between_is_unclear_until_the_echo_is_given_up() {
        let ((room, user), now) = (someone(), Instant::now());
        let mut echoes = Echoes::default();
        echoes.joined(room, user, now);
        assert_eq!(echoes.hear(room, user, Membership::Removed, false, now), Hearing::Unclear);
        assert_eq!(echoes.hear(room, user, Membership::Removed, false, now + LIFETIME), Hearing::News);
    }
}
