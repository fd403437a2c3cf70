//! Rightful places: which of them a change takes. Only these the guard counts.

use crate::entitlement::Entitlement;
use crate::mirror::{Membership, RoomStatus};
use crate::plan::key::{ChangeKey, Subject};
use crate::plan::kind::Bucket;
use crate::plan::{Change, Class, Kind};
use crate::policy::{Mode, RoomIx};
use crate::users::UserIx;
use crate::world::{World, WorldState};

impl World {
    /// Somebody came to a place by another hand than ours: notes it, unless they are entitled to it. While a class observes,
    /// everything that is there when it is enforced for the first time counts as rightful.
    pub fn note_stranger(&mut self, bucket: Bucket, user: UserIx) {
        let (class, _) = bucket;
        if class.mode(&self.policy.modes) == Mode::Observe || self.is_exempt(user) || self.is_entitled(bucket, user) {
            return;
        }
        if self.can_say_who_is_entitled(bucket, user) {
            self.strangers_mut().note(bucket, user);
        } else {
            self.strangers_mut().note_doubtful(bucket, user);
        }
    }

    /// Whether the sources can be believed when they name somebody no more: where they cannot, a row that is missing says nothing.
    fn can_say_who_is_entitled(&self, bucket: Bucket, user: UserIx) -> bool {
        let freeze = match bucket {
            (Class::Removals, Some(room)) => self.freeze_of_member(room, user),
            (Class::PowerLevels, Some(room)) => self.freeze_of_grants(room, user),
            (Class::ServerAdmins, None) => self.freeze_of_admin(user),
            _ => None,
        };
        freeze.is_none() && self.empty_answer(bucket).is_none()
    }

    /// Takes over what an earlier process noted.
    pub fn remember_stranger(&mut self, bucket: Bucket, user: UserIx) {
        self.strangers_mut().note(bucket, user);
    }

    /// The place was rightful after all.
    pub fn forget_stranger(&mut self, bucket: Bucket, user: UserIx) {
        self.strangers_mut().forget(bucket, user);
    }

    /// Forgets strangers who are entitled by now, or have lost what they had: whatever they get next is judged anew.
    pub fn forget_settled_strangers(&mut self) {
        let is_known = |room: Option<RoomIx>| match room {
            Some(room) => self.room(room).status == RoomStatus::Ready,
            None => self.mirror.accounts_listed,
        };
        let known = self.strangers.all().filter(|((_, room), _)| is_known(*room));
        let over: Vec<(Bucket, UserIx)> = known
            .filter(|(bucket, user)| self.is_entitled(*bucket, *user) || self.is_without(*bucket, *user))
            .collect();
        for (bucket, user) in over {
            self.strangers_mut().forget(bucket, user);
        }
    }

    fn is_entitled(&self, (class, room): Bucket, user: UserIx) -> bool {
        match (class, room) {
            (Class::Removals, Some(room)) => {
                !self.removes_unlisted(room) || self.entitlement(room, user) != Entitlement::Not
            }
            // Where nothing is decided about levels nobody is a stranger to theirs.
            (Class::PowerLevels, Some(room)) => {
                self.power[room.index()].is_empty()
                    || self.room(room).levels().is_ok_and(|levels| {
                        let level = self.evaluate_power(room, user, &levels);
                        // A grant that is lower than what they have is a place, too, and is not taken with the rest unasked.
                        level.observed <= level.desired || level.desired > self.default_to_be(room, &levels)
                    })
            }
            (Class::ServerAdmins, None) => {
                self.admins.is_empty() || self.admin_selector(user).is_some() && self.may_belong(user)
            }
            _ => true,
        }
    }

    fn is_without(&self, (class, room): Bucket, user: UserIx) -> bool {
        match (class, room) {
            (Class::Removals, Some(room)) => self.room(room).membership(user) != Membership::Join,
            (Class::ServerAdmins, None) => !self.mirror.accounts.get(user).admin,
            _ => false,
        }
    }
}

impl WorldState {
    /// How many of the places that a change takes are rightful: so many the guard counts.
    pub fn rightful(&self, change: &Change) -> u32 {
        let rightful = change.loses().filter(|user| self.is_rightful(change, *user)).count();
        u32::try_from(rightful).unwrap_or(u32::MAX)
    }

    /// Whether the place that a change takes from `user` was rightful at any time.
    pub(crate) fn is_rightful(&self, change: &Change, user: UserIx) -> bool {
        !self.is_strangers(change.kind(), change.room(), user)
            && !self.is_doubtful(change, user)
            && !self.is_raised_again(change, user)
    }

    /// Whether nobody can say if the place that a change takes from `user` was rightful. Whom the pool itself calls disabled or
    /// deleted loses it for that, whatever else was said.
    pub(crate) fn is_doubtful(&self, change: &Change, user: UserIx) -> bool {
        self.strangers.is_doubtful((change.class(), change.room()), user) && !self.is_closed_by_pool(user)
    }

    /// Whether a change lowers a user that we lowered to the same level lately. We did not raise them since, so another hand
    /// did: what they have above it hangs on no row, and was no place of theirs.
    fn is_raised_again(&self, change: &Change, user: UserIx) -> bool {
        let Change::SetPowerLevels { room, edits } = change else { return false };
        self.lowered.get(&(*room, user)).is_some_and(|level| {
            edits.iter().any(|edit| edit.user() == Some(user) && edit.lowers && edit.after == *level)
        })
    }

    /// The same of one level.
    pub(crate) fn is_level_raised_again(&self, key: &ChangeKey) -> bool {
        let place = key.room.zip(key.user());
        let level = place.and_then(|place| self.lowered.get(&place));
        matches!((&key.subject, level), (Subject::Level(_, after), Some(level)) if after == level)
    }

    /// Whether a change of this kind takes a stranger's place.
    pub(crate) fn is_strangers(&self, kind: Kind, room: Option<RoomIx>, user: UserIx) -> bool {
        let is_guest = |room: RoomIx| kind == Kind::Remove && self.room(room).is_invited_by_others(user);
        self.strangers.has((kind.class(), room), user) || room.is_some_and(is_guest)
    }
}
