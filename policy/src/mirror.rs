//! The mirror: what Synapse has, as last seen. Reading it and applying what was pushed; no judgement here.

use hashbrown::HashMap;
use serde_json::Value;

use crate::column::Column;
use crate::levels::POWER_LEVELS;
use crate::mending::Mending;
use crate::overwritten::Overwritten;
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

/// A leave by choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// The leave event.
    pub event_id: Box<str>,
    /// The entitlement was lost since, or somebody asked: the next entitlement joins again.
    pub pardoned: bool,
}

/// Whether a room can be worked on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
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
pub struct StateEvent {
    pub content: Value,
    pub sender: String,
    pub event_id: String,
}

/// What is known of one managed room on Synapse.
#[derive(Debug, Default)]
pub struct RoomMirror {
    pub standing: Standing,
    members: Column<Membership>,
    departures: HashMap<UserIx, Departure>,
    /// State events by (type, state key), members excepted.
    pub state: HashMap<(Box<str>, Box<str>), StateEvent>,
    /// Version of the room, as its create event says.
    pub version: String,
    /// What a write of ours set back in the power levels.
    mending: Mending,
    joined: u32,
    invited: u32,
}

impl RoomMirror {
    /// The membership of `user`.
    pub fn membership(&self, user: UserIx) -> Membership {
        self.members.get(user)
    }

    /// Sets a membership and keeps the counts; returns the one before.
    pub fn set_membership(&mut self, user: UserIx, membership: Membership) -> Membership {
        let before = self.members.set(user, membership);
        for (counted, count) in [(Membership::Join, &mut self.joined), (Membership::Invite, &mut self.invited)] {
            *count = *count + u32::from(membership == counted) - u32::from(before == counted);
        }
        if membership != Membership::Left {
            self.departures.remove(&user);
        }
        before
    }

    /// Records a leave by choice. A departure already known by this event keeps its pardon.
    pub fn set_left(&mut self, user: UserIx, event_id: &str) {
        self.set_membership(user, Membership::Left);
        let known = self.departures.get(&user).is_some_and(|known| &*known.event_id == event_id);
        if !known {
            self.departures.insert(user, Departure { event_id: event_id.into(), pardoned: false });
        }
    }

    /// Pardons a departure, if it is still the one meant.
    pub fn pardon(&mut self, user: UserIx, event_id: &str) {
        if let Some(departure) = self.departures.get_mut(&user).filter(|known| &*known.event_id == event_id) {
            departure.pardoned = true;
        }
    }

    /// The departure of `user`, if they left by choice.
    pub fn departure(&self, user: UserIx) -> Option<&Departure> {
        self.departures.get(&user)
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

    /// Content of a state event with an empty state key.
    pub fn content(&self, event_type: &str) -> Option<&Value> {
        self.state(event_type).map(|event| &event.content)
    }

    /// A state event with an empty state key.
    pub fn state(&self, event_type: &str) -> Option<&StateEvent> {
        self.state.get(&(event_type.into(), "".into()))
    }

    /// Takes a state event, as read, pushed or written; `ours` where the bot sent it.
    pub fn set_state(&mut self, event_type: &str, state_key: &str, event: StateEvent, ours: bool) {
        if event_type == POWER_LEVELS && state_key.is_empty() {
            self.mending.take(&event.content, ours);
        }
        self.state.insert((event_type.into(), state_key.into()), event);
    }

    /// What a write of ours set back in the power levels and is to be restored.
    pub fn to_restore(&self) -> Vec<Overwritten> {
        self.content(POWER_LEVELS).map(|content| self.mending.to_restore(content)).unwrap_or_default()
    }

    /// Notes what somebody else set in the power levels.
    pub(crate) fn note_edits(&mut self, edits: Vec<Overwritten>) {
        self.mending.note(edits);
    }

    /// Whether an edit sets back what one of these writes of ours had changed.
    pub(crate) fn is_set_back(&self, edit: &Overwritten, ours: &[(&Value, &Value)]) -> bool {
        self.mending.is_set_back(edit, ours)
    }

    /// Notes that somebody set back what we had restored, and nothing else.
    pub(crate) fn note_meant(&mut self, set_back: &[Overwritten]) {
        self.mending.note_meant(set_back);
    }

    /// Notes what a write of ours set back, where nobody's edit told it.
    pub(crate) fn note_lost(&mut self, lost: Vec<Overwritten>) {
        self.mending.note_missing(lost);
    }

    /// Whether somebody's edits beside ours are still watched over.
    pub fn is_mending(&self) -> bool {
        !self.mending.is_empty()
    }

    /// Minutes went by: whoever sets back now what was restored before has seen it.
    pub fn age_restorations(&mut self) {
        let content = self.state.get(&(POWER_LEVELS.into(), "".into())).map(|event| &event.content);
        self.mending.age(content);
    }

    /// Begins a reading of the whole room: what was known is forgotten, but for what is still to be restored.
    pub fn begin_anew(&mut self) {
        *self = Self { mending: std::mem::take(&mut self.mending), ..Self::default() };
    }

    /// The room that replaces this one, if it was upgraded.
    pub fn successor(&self) -> Option<&str> {
        self.content("m.room.tombstone").map(|content| content["replacement_room"].as_str().unwrap_or_default())
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

/// Everything seen on Synapse.
#[derive(Debug, Default)]
pub struct Mirror {
    /// In the order of the policy's rooms.
    pub rooms: Vec<RoomMirror>,
    /// Accounts of our own server.
    pub accounts: Column<OnServer>,
    /// Whether the listing of accounts was read to its end.
    pub accounts_listed: bool,
}
