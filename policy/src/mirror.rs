//! The mirror: what Synapse has, as last seen. Reading it and applying what was pushed; no evaluation here.

use hashbrown::{HashMap, HashSet};
use serde_json::Value;

use crate::column::Column;
use crate::levels::{Creators, Levels, POWER_LEVELS};
use crate::profile::SeenProfiles;
use crate::users::UserIx;

/// A user's membership of one room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Membership {
    /// No membership event at all.
    #[default]
    None,
    Invite,
    Join,
    /// Not in the room: removed by somebody else, or an invitation taken back.
    Removed,
    /// Not in the room: left by the user's own act.
    Left,
    Ban,
    Knock,
}

impl Membership {
    /// As the contract's JSON spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Invite => "invite",
            Self::Join => "join",
            Self::Removed | Self::Left => "leave",
            Self::Ban => "ban",
            Self::Knock => "knock",
        }
    }

    /// From an `m.room.member` event. A leave that the user sent is a choice; any other was done to them.
    pub fn of_event(membership: &str, by_the_user: bool) -> Option<Self> {
        Some(match membership {
            "invite" => Self::Invite,
            "join" => Self::Join,
            "leave" if by_the_user => Self::Left,
            "leave" => Self::Removed,
            "ban" => Self::Ban,
            "knock" => Self::Knock,
            _ => return None,
        })
    }
}

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

/// Whether a room can be worked on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RoomStatus {
    /// Not read yet, or to be read again before the next plan.
    #[default]
    Unread,
    /// Read, and kept by pushes.
    Ready,
    /// Could not be read; the text says why and names the mend.
    Unreadable(String),
}

/// A state event of a room.
#[derive(Clone, Debug, PartialEq)]
pub struct StateEntry {
    pub content: Value,
    pub sender: String,
    pub event_id: String,
}

/// What is known of one managed room on Synapse.
#[derive(Debug, Default)]
pub struct RoomMirror {
    pub status: RoomStatus,
    members: Column<Membership>,
    voluntary_leaves: HashMap<UserIx, VoluntaryLeave>,
    /// Invitations that the bot did not send.
    invited_by_others: HashSet<UserIx>,
    /// Bans that the bot set.
    banned_by_us: HashSet<UserIx>,
    /// Users who were invited, removed or banned by somebody else, as read, each by this event: whether a leave by choice came
    /// before it is not known yet.
    unread_pasts: HashMap<UserIx, Box<str>>,
    /// State events with an empty state key, by their type.
    pub(crate) state: HashMap<Box<str>, StateEntry>,
    /// A room that a tombstone named, and who made it, where it says that it replaces this one.
    upgrade: Option<(Box<str>, Option<Box<str>>)>,
    /// Version of the room, as its create event says.
    pub version: String,
    joined: u32,
    invited: u32,
}

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

    /// Records a leave by choice. A voluntary leave already known by this event stays cleared. False where it was known.
    fn set_left(&mut self, user: UserIx, event_id: &str) -> bool {
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

    /// Every state event with an empty state key, by its type.
    pub fn states(&self) -> impl Iterator<Item = (&str, &StateEntry)> {
        self.state.iter().map(|(kind, event)| (&**kind, event))
    }

    /// Content of a state event with an empty state key.
    pub fn content(&self, event_type: &str) -> Option<&Value> {
        self.state(event_type).map(|event| &event.content)
    }

    /// A state event with an empty state key.
    pub fn state(&self, event_type: &str) -> Option<&StateEntry> {
        self.state.get(event_type)
    }

    /// A room of this version of which nothing else is known yet.
    pub fn of_version(version: String) -> Self {
        Self { version, ..Self::default() }
    }

    /// Takes a state event with an empty state key, as read, pushed or written.
    pub fn set_state(&mut self, event_type: &str, event: StateEntry) {
        self.state.insert(event_type.into(), event);
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

    /// Whether the other says the same of everything but members.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.version == other.version && self.state == other.state
    }

    /// The room that its tombstone names, whether that is an upgrade or not.
    pub fn named_successor(&self) -> Option<&str> {
        self.content("m.room.tombstone").map(|content| content["replacement_room"].as_str().unwrap_or_default())
    }

    /// Whether the room that the tombstone names says that it replaces this one; `None` where that is not known yet.
    pub fn is_upgraded(&self) -> Option<bool> {
        let named = self.named_successor().filter(|named| !named.is_empty());
        let Some(named) = named else { return Some(false) };
        let (of, made_by) = self.upgrade.as_ref()?;
        (**of == *named).then_some(made_by.is_some())
    }

    /// The room that replaces this one, if it was upgraded. A tombstone that no room answers to replaces nothing.
    pub fn successor(&self) -> Option<&str> {
        self.named_successor().filter(|_| self.is_upgraded() == Some(true))
    }

    /// Who made the room that replaces this one.
    pub(crate) fn successor_made_by(&self) -> Option<&str> {
        self.successor().and(self.upgrade.as_ref()?.1.as_deref())
    }

    /// Takes who made the room that the tombstone names, where that says that it replaces this one.
    pub(crate) fn set_upgrade(&mut self, successor: &str, made_by: Option<&str>) {
        self.upgrade = Some((successor.into(), made_by.map(Into::into)));
    }

    /// What is known of the successor outlasts a reading.
    pub(crate) fn inherit_upgrade(&mut self, before: &Self) {
        self.upgrade.clone_from(&before.upgrade);
    }
}

impl RoomMirror {
    /// Who made the room.
    pub fn creators(&self) -> Creators<'_> {
        let create = self.state("m.room.create");
        create.map_or_else(Creators::default, |create| Creators::of(&self.version, &create.content, &create.sender))
    }

    /// The room's version, where it is one of Matrix's own.
    pub fn version_number(&self) -> Option<u32> {
        self.version.parse().ok()
    }

    /// Whether anything is known of who may do what in the room.
    pub(crate) fn says_who_may(&self) -> bool {
        self.content(POWER_LEVELS).or_else(|| self.content("m.room.create")).is_some()
    }

    /// Who may join.
    pub fn join_rule(&self) -> Option<&str> {
        self.content("m.room.join_rules")?.get("join_rule")?.as_str()
    }

    /// The room's power levels as they are now.
    pub fn levels(&self) -> Result<Levels<'_>, String> {
        Levels::read(self.content(POWER_LEVELS), self.creators())
    }
}

/// What Synapse says of one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnServer {
    pub present: bool,
    pub deactivated: bool,
    pub locked: bool,
    pub admin: bool,
}

/// Accounts of our own server, one byte each.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    states: Column<u8>,
    /// Seldom anybody; told of single accounts only.
    suspended: HashSet<UserIx>,
    present: u32,
    admins: u32,
}

impl Accounts {
    /// What Synapse says of an account.
    pub fn get(&self, user: UserIx) -> OnServer {
        OnServer::unpack(self.states.get(user))
    }

    /// Sets what Synapse says of an account, and returns what it said before.
    pub(crate) fn set(&mut self, user: UserIx, state: OnServer) -> OnServer {
        let before = OnServer::unpack(self.states.set(user, state.pack()));
        self.present = self.present + u32::from(state.present) - u32::from(before.present);
        self.admins = self.admins + u32::from(state.admin) - u32::from(before.admin);
        before
    }

    /// Every known account.
    pub fn iter(&self) -> impl Iterator<Item = (UserIx, OnServer)> + '_ {
        self.states.iter().map(|(user, state)| (user, OnServer::unpack(state)))
    }

    /// Whether Synapse was seen to have the account suspended: nobody can join it to anything.
    pub fn is_suspended(&self, user: UserIx) -> bool {
        !self.suspended.is_empty() && self.suspended.contains(&user)
    }

    /// Everybody who was seen to be suspended.
    pub fn suspended(&self) -> Vec<UserIx> {
        self.suspended.iter().copied().collect()
    }

    /// False where that was known.
    pub(crate) fn set_suspended(&mut self, user: UserIx, suspended: bool) -> bool {
        if suspended { self.suspended.insert(user) } else { self.suspended.remove(&user) }
    }

    /// How many there are.
    pub fn present(&self) -> u32 {
        self.present
    }

    /// How many are server admins.
    pub fn admins(&self) -> u32 {
        self.admins
    }
}

impl OnServer {
    fn pack(self) -> u8 {
        let Self { present, deactivated, locked, admin } = self;
        [present, deactivated, locked, admin].into_iter().rev().fold(0, |bits, one| bits << 1 | u8::from(one))
    }

    fn unpack(bits: u8) -> Self {
        let [present, deactivated, locked, admin] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
        Self { present, deactivated, locked, admin }
    }
}

/// Everything seen on Synapse.
#[derive(Debug, Default)]
pub struct Mirror {
    /// In the order of the policy's rooms.
    pub rooms: Vec<RoomMirror>,
    /// Accounts of our own server.
    pub accounts: Accounts,
    /// Whether the listing of accounts was read to its end.
    pub accounts_listed: bool,
    /// Names and pictures of accounts, where the policy says something of them.
    pub profiles: SeenProfiles,
}
