//! What Synapse has, taken into the world.

use crate::levels::{Creators, Levels, POWER_LEVELS};
use crate::mending::Mending;
use crate::mirror::{Membership, OnServer, RoomMirror, Standing, StateEvent};
use crate::users::UserIx;
use crate::world::{Known, RoomIx, World};

impl World {
    /// Takes what Synapse says of one account.
    pub fn set_on_server(&mut self, mxid: &str, state: OnServer) {
        let user = self.intern(mxid);
        self.set_there(user, state);
    }

    /// Takes what Synapse says of one account.
    pub fn set_there(&mut self, user: UserIx, state: OnServer) {
        if self.known.mirror.accounts.set(user, state) != state {
            self.touch(user);
        }
    }

    /// Says whether the listing of accounts was read to its end.
    pub fn set_accounts_listed(&mut self, listed: bool) {
        self.changes.something();
        self.known.mirror.accounts_listed = listed;
    }

    /// Somebody in a room of ours has an account, whatever an older listing said.
    pub fn set_present(&mut self, user: UserIx) {
        let known = self.known.mirror.accounts.get(user);
        if !known.present && self.known.users.is_local(user) {
            self.set_there(user, OnServer { present: true, ..known });
        }
    }

    /// Says whether a room can be worked on.
    pub fn set_standing(&mut self, room: RoomIx, standing: Standing) {
        self.changes.something();
        self.room_mut(room).standing = standing;
    }

    /// Takes one membership, as read or pushed. `left_by` is the event of a leave by choice.
    pub fn set_membership(&mut self, room: RoomIx, mxid: &str, membership: Membership, left_by: Option<&str>) {
        let user = self.intern(mxid);
        self.set_member(room, user, membership, left_by);
    }

    /// Takes one membership, as read, pushed or written. `left_by` is the event of a leave by choice.
    pub fn set_member(&mut self, room: RoomIx, user: UserIx, membership: Membership, left_by: Option<&str>) {
        if self.room_mut(room).take_membership(user, membership, left_by) {
            self.touch(user);
        }
    }

    /// Pardons a departure, if it is still the one meant.
    pub fn pardon(&mut self, room: RoomIx, user: UserIx, event_id: &str) {
        if self.room_mut(room).pardon(user, event_id) {
            self.touch(user);
        }
    }

    /// Takes a state event with an empty state key. Whom power levels name is known from then on.
    pub fn set_state(&mut self, room: RoomIx, event_type: &str, event: StateEvent) {
        self.changes.state(room);
        self.known.name_levelled(event_type, &event);
        let ours = event.sender == self.known.policy.bot;
        self.room_mut(room).set_state(event_type, "", event, ours);
    }

    /// Takes a state event of which no policy speaks.
    pub fn set_other_state(&mut self, room: RoomIx, event_type: &str, state_key: &str, event: StateEvent) {
        if state_key.is_empty() {
            return self.set_state(room, event_type, event);
        }
        self.room_mut(room).set_state(event_type, state_key, event, false);
    }

    /// The room to be read anew, beside what is known of it until then.
    pub fn room_anew(&self, room: RoomIx, version: String) -> RoomMirror {
        self.room(room).anew(version)
    }

    /// Takes a state event of a room that is read anew.
    pub fn take_state(&mut self, anew: &mut RoomMirror, event_type: &str, event: StateEvent) {
        self.known.name_levelled(event_type, &event);
        let ours = event.sender == self.known.policy.bot;
        anew.set_state(event_type, "", event, ours);
    }

    /// Takes a room that was read whole. Only whoever has another membership there than was known is touched.
    pub fn set_room(&mut self, room: RoomIx, anew: RoomMirror) {
        let before = std::mem::replace(self.room_mut(room), anew);
        let Self { known, changes } = self;
        let now = known.room(room);
        before.members_unlike(now, |user| changes.user(user));
        if before.is_like(now) {
            changes.something();
        } else {
            changes.state(room);
        }
    }

    /// Minutes went by, see [`RoomMirror::is_mending`].
    pub fn age_restorations(&mut self, room: RoomIx) {
        let before = self.room(room).to_restore();
        self.room_mut(room).age_restorations();
        if self.room(room).to_restore() != before {
            self.changes.state(room);
        }
    }

    /// Changes what is known of others' edits of the power levels.
    pub(crate) fn mend(&mut self, room: RoomIx, change: impl FnOnce(&mut Mending)) {
        self.changes.state(room);
        change(self.room_mut(room).mending_mut());
    }

    fn room_mut(&mut self, room: RoomIx) -> &mut RoomMirror {
        &mut self.known.mirror.rooms[room.index()]
    }
}

impl Known {
    fn name_levelled(&mut self, event_type: &str, event: &StateEvent) {
        if event_type == POWER_LEVELS
            && let Ok(levels) = Levels::read(Some(&event.content), Creators::default())
        {
            levels.entries().for_each(|(mxid, _)| {
                self.users.intern(mxid);
            });
        }
    }
}
