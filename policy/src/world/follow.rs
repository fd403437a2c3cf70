//! Rooms that were replaced: the policy is moved to the successor, which is read before anything is planned in it.

use crate::mirror::{Membership, RoomMirror, RoomStatus};
use crate::policy::Followed;
use crate::policy::RoomIx;
use crate::users::UserIx;
use crate::world::World;

impl World {
    /// Moves rooms to their successors. A room with a new id is unread.
    pub fn follow(&mut self, known: Vec<Followed>) -> Vec<RoomIx> {
        let ids = |world: &Self| -> Vec<String> { world.policy.rooms.iter().map(|room| room.id.clone()).collect() };
        let before = ids(self);
        self.state.policy.follow(known);
        let after = ids(self);
        let moved: Vec<RoomIx> = self.rooms().filter(|room| before[room.index()] != after[room.index()]).collect();
        for room in &moved {
            self.set_room(*room, RoomMirror::default());
        }
        moved
    }

    /// Copies voluntary leaves from replaced rooms, for users that never were in the successor. They have to be read: who is
    /// there as a room with members is read seems to have come in since.
    pub fn inherit_voluntary_leaves(&mut self) {
        for moved in self.policy.followed.clone() {
            let room = self.room_by_id(&moved.id).filter(|room| self.room(*room).status == RoomStatus::Ready);
            let Some(room) = room else { continue };
            for (mxid, event_id) in &moved.voluntary_leaves {
                let user = self.intern(mxid);
                if self.room(room).membership(user) == Membership::None {
                    self.set_member(room, user, Membership::Left, Some(event_id));
                    self.set_chosen_in(room, user);
                }
            }
        }
    }

    /// Says that nothing but what others did to `user` is to be seen before in the room. A leave that is known stands, and those
    /// who had left the room that this one replaced have left it still.
    pub fn settle_past_from_the_beginning(&mut self, room: RoomIx, user: UserIx) {
        let mxid = self.users.mxid(user);
        let followed = self.policy.followed(&self.policy.rooms[room.index()].id);
        let inherited = followed.and_then(|before| before.left_by(&mxid)).map(str::to_owned);
        let known = self.room(room).voluntary_leave(user).map(|leave| leave.event_id.to_string());
        self.settle_past(room, user, inherited.as_deref().or(known.as_deref()));
        if inherited.is_some() {
            self.set_chosen_in(room, user);
        }
    }
}
