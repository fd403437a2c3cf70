//! What Synapse has, taken into the world.

use std::collections::{BTreeSet, HashSet};

use crate::levels::{Creators, Levels, POWER_LEVELS};
use crate::mirror::{Membership, OnServer, RoomMirror, RoomStatus, StateEntry};
use crate::plan::Class;
use crate::policy::RoomIx;
use crate::users::UserIx;
use crate::world::{World, WorldState};

impl World {
    /// Takes what Synapse says of one account.
    pub fn set_on_server(&mut self, mxid: &str, state: OnServer) {
        let user = self.intern(mxid);
        self.see_there(user, state);
    }

    /// What Synapse says, and not what we have just done.
    fn see_there(&mut self, user: UserIx, state: OnServer) {
        let is_new_admin = state.admin && !self.mirror.accounts.get(user).admin;
        self.set_there(user, state);
        // The first listing says what was there before us.
        if is_new_admin && self.mirror.accounts_listed {
            self.note_stranger((Class::ServerAdmins, None), user);
        }
    }

    /// Takes what Synapse says of one account.
    pub fn set_there(&mut self, user: UserIx, state: OnServer) {
        let before = self.state.mirror.accounts.set(user, state);
        if before != state {
            if state.present && !before.present || state.admin && !before.admin {
                self.outdate_denial(user);
            }
            self.mark_dirty(user);
        }
    }

    /// Says whether the listing of accounts was read to its end.
    pub fn set_accounts_listed(&mut self, listed: bool) {
        self.dirty.something();
        self.state.mirror.accounts_listed = listed;
    }

    /// Somebody in a room of ours has an account, whatever an older listing said.
    pub fn set_present(&mut self, user: UserIx) {
        let known = self.state.mirror.accounts.get(user);
        if !known.present && self.state.users.is_local(user) {
            self.set_there(user, OnServer { present: true, ..known });
        }
    }

    /// Says whether a room can be worked on.
    pub fn set_room_status(&mut self, room: RoomIx, status: RoomStatus) {
        self.dirty.something();
        self.room_mut(room).status = status;
    }

    /// Takes one membership, as read or pushed. `left_by` is the event of a leave by choice.
    pub fn set_membership(&mut self, room: RoomIx, mxid: &str, membership: Membership, left_by: Option<&str>) {
        let user = self.intern(mxid);
        self.set_member(room, user, membership, left_by);
    }

    /// Takes one membership, as read, pushed or written. `left_by` is the event of a leave by choice.
    pub fn set_member(&mut self, room: RoomIx, user: UserIx, membership: Membership, left_by: Option<&str>) {
        let before = self.room(room).membership(user);
        if self.room_mut(room).take_membership(user, membership, left_by) {
            self.note_place(user, before, membership);
            self.mark_dirty(user);
            self.note_parting(user, before, membership);
        }
    }

    fn note_place(&mut self, user: UserIx, before: Membership, after: Membership) {
        if after != before && matches!(after, Membership::Join | Membership::Invite) {
            self.outdate_denial(user);
        }
    }

    fn note_parting(&mut self, user: UserIx, before: Membership, after: Membership) {
        if before == Membership::Join && after == Membership::Left && self.users.is_local(user) {
            self.parted.push(user);
        }
    }

    /// Who left by their own event since this was last asked, pushed or read: Synapse parts a deactivated account so, too.
    pub fn take_parted(&mut self) -> Vec<UserIx> {
        std::mem::take(&mut self.parted)
    }

    /// The invitation of `user` is not ours.
    pub fn note_invited_by_other(&mut self, room: RoomIx, user: UserIx) {
        self.dirty.something();
        self.room_mut(room).note_invited_by_other(user);
    }

    /// Says whether the ban of `user` is ours.
    pub fn set_banned_by_us(&mut self, room: RoomIx, user: UserIx, is: bool) {
        self.room_mut(room).set_banned_by_us(user, is);
        self.mark_dirty(user);
    }

    /// Clears a voluntary leave, if it is still the one meant.
    pub fn clear_leave(&mut self, room: RoomIx, user: UserIx, event_id: &str) {
        if self.room_mut(room).clear_leave(user, event_id) {
            self.mark_dirty(user);
        }
    }

    /// Says whether a leave by choice came before what others made of `user` in the room.
    pub fn settle_past(&mut self, room: RoomIx, user: UserIx, left_by: Option<&str>) {
        if self.room_mut(room).settle_past(user, left_by) {
            self.mark_dirty(user);
        }
    }

    /// Notes that what they left in this room they left by choice: what goes along to a successor stands there.
    pub(super) fn set_chosen_in(&mut self, room: RoomIx, user: UserIx) {
        if self.room_mut(room).set_chosen(user) {
            self.mark_dirty(user);
        }
    }

    /// Takes what Synapse says of an account that was asked for by itself, later than of what the user last left.
    pub fn set_account_seen(&mut self, user: UserIx, there: OnServer) {
        self.see_there(user, there);
        if there.present && !there.deactivated {
            let chosen = self.rooms().filter(|room| self.room_mut(*room).set_chosen(user)).count();
            if chosen > 0 {
                self.mark_dirty(user);
            }
        }
    }

    /// Takes whether Synapse has the account suspended.
    pub fn set_suspended(&mut self, user: UserIx, suspended: bool) {
        if self.state.mirror.accounts.set_suspended(user, suspended) {
            self.mark_dirty(user);
        }
    }

    /// Leaves, by their events, that may be nobody's choice. A listing of accounts that begins now is newer than they are.
    pub fn unchosen_leaves(&self) -> HashSet<Box<str>> {
        let leaves = self.rooms().flat_map(|room| self.room(room).leavers());
        leaves.filter(|(_, leave)| !leave.chosen).map(|(_, leave)| leave.event_id.clone()).collect()
    }

    /// After a whole listing of accounts that is newer than these leaves. Who left something since may be one whose account is
    /// being deactivated: nothing is said of them, nor of those that the listing did not tell of.
    pub fn set_leavers_seen(&mut self, leaves: &HashSet<Box<str>>, is_told: impl Fn(UserIx) -> bool) {
        let (mut seen, mut left_since) = (BTreeSet::new(), BTreeSet::new());
        for room in self.rooms() {
            for (user, leave) in self.room(room).leavers().filter(|(_, leave)| !leave.chosen) {
                let is_older = leaves.contains(&leave.event_id);
                if is_older { &mut seen } else { &mut left_since }.insert(user);
            }
        }
        for user in seen.difference(&left_since).copied().filter(|user| is_told(*user)) {
            self.set_account_seen(user, self.mirror.accounts.get(user));
        }
    }

    /// Takes a state event with an empty state key. Users that power levels list are interned.
    pub fn set_state(&mut self, room: RoomIx, event_type: &str, event: StateEntry) {
        self.dirty.state(room);
        self.state.name_levelled(event_type, &event);
        self.room_mut(room).set_state(event_type, event);
    }

    /// Takes who made the room that a tombstone names, where that says that it replaces this one.
    pub fn set_upgrade(&mut self, room: RoomIx, successor: &str, made_by: Option<&str>) {
        self.dirty.state(room);
        self.room_mut(room).set_upgrade(successor, made_by);
    }

    /// Takes a state event of a room that is read again.
    pub fn take_state(&mut self, fresh: &mut RoomMirror, event_type: &str, event: StateEntry) {
        self.state.name_levelled(event_type, &event);
        fresh.set_state(event_type, event);
    }

    /// Who came into a room, as its readings tell. Users that we join are in the mirror at once, unless the answer to our call was
    /// lost: whose hand it was, the ledger tells.
    pub fn take_found(&mut self) -> Vec<(RoomIx, UserIx)> {
        std::mem::take(&mut self.found)
    }

    /// Takes a room that was read whole. Only users with another membership than before become dirty.
    pub fn set_room(&mut self, room: RoomIx, mut fresh: RoomMirror) {
        fresh.inherit_leaves(self.room(room));
        fresh.inherit_upgrade(self.room(room));
        let before = std::mem::replace(self.room_mut(room), fresh);
        let now = self.state.room(room);
        let (mut unlike, is_like) = (Vec::new(), before.is_like(now));
        before.members_unlike(now, |user| unlike.push(user));
        // Of what happened in a room while it could not be read, nobody can say what people were entitled to then.
        let was_kept = before.members().next().is_some() && !matches!(before.status, RoomStatus::Unreadable(_));
        for user in unlike {
            let membership = self.room(room).membership(user);
            self.note_parting(user, before.membership(user), membership);
            self.note_place(user, before.membership(user), membership);
            self.mark_dirty(user);
            // Came in since, and no push has told of it yet.
            if was_kept && membership == Membership::Join && before.membership(user) != Membership::Join {
                self.found.push((room, user));
            }
        }
        if is_like {
            self.dirty.something();
        } else {
            self.dirty.state(room);
        }
    }

    fn room_mut(&mut self, room: RoomIx) -> &mut RoomMirror {
        &mut self.state.mirror.rooms[room.index()]
    }
}

impl WorldState {
    fn name_levelled(&mut self, event_type: &str, event: &StateEntry) {
        if event_type == POWER_LEVELS
            && let Ok(levels) = Levels::read(Some(&event.content), Creators::default())
        {
            levels.entries().for_each(|(mxid, _)| {
                self.users.intern(mxid);
            });
        }
    }
}
