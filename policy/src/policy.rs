//! The policy: what the operator has decided, as the planner reads it. Configuration makes it; nothing here parses.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::profile::ProfilesPolicy;
use crate::room_level::RoomLevel;
use crate::selector::Selector;
use crate::setting::RoomSettings;

/// A managed room by its position in the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomIx(pub(crate) u16);

impl RoomIx {
    /// Position in the policy's rooms.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Everything the planner needs to know of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The part of an MXID after the first colon.
    pub server_name: String,
    /// The bot's own MXID. It is exempt from everything.
    pub bot: String,
    /// MXIDs that no action names.
    pub exempt: Vec<String>,
    /// Managed rooms in the order of the configuration file.
    pub rooms: Vec<RoomPolicy>,
    /// Who is a server admin. Empty: the service leaves the admin flag alone.
    pub server_admins: Vec<Selector>,
    /// What is enforced and what is only counted.
    pub modes: Modes,
    /// When destructive work stops and asks.
    pub guard: GuardLimits,
    /// For how long the sources must have said so before something is taken away. Zero: it does not wait.
    pub settle: Duration,
    /// What becomes of an account that its source disables or no longer has.
    pub offboarding: Offboarding,
    /// Rooms that have the id of their successor here, and another in the file.
    pub followed: Vec<Followed>,
    /// Who may give commands in the Staff room. Empty: nobody.
    pub operators: Vec<Selector>,
    /// How names and pictures are given. `None`: they are left alone.
    pub profiles: Option<ProfilesPolicy>,
}

/// Where a list of selectors stands. Rooms and grants are named by their position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectorPlace {
    Members { room: usize },
    Power { room: usize, grant: usize },
    ServerAdmins,
    Operators,
}

impl Policy {
    /// Every list of selectors, with where it stands.
    pub fn selector_lists(&self) -> impl Iterator<Item = (SelectorPlace, &[Selector])> {
        // Taken apart, so that a new list of selectors is not forgotten here.
        let Self {
            rooms,
            server_admins,
            operators,
            server_name: _,
            bot: _,
            exempt: _,
            modes: _,
            guard: _,
            settle: _,
            offboarding: _,
            followed: _,
            profiles: _,
        } = self;
        let of_rooms = rooms.iter().enumerate().flat_map(|(room, policy)| {
            let grants = policy.power.iter().enumerate();
            let power = grants.map(move |(grant, one)| (SelectorPlace::Power { room, grant }, one.grant.as_slice()));
            std::iter::once((SelectorPlace::Members { room }, policy.members.as_slice())).chain(power)
        });
        let of_server =
            [(SelectorPlace::ServerAdmins, server_admins.as_slice()), (SelectorPlace::Operators, operators.as_slice())];
        of_rooms.chain(of_server)
    }

    /// Every selector, with where it stands.
    pub fn selectors(&self) -> impl Iterator<Item = (SelectorPlace, &Selector)> {
        self.selector_lists().flat_map(|(place, list)| list.iter().map(move |selector| (place, selector)))
    }
}

/// The groups that selectors name, each once.
pub fn groups<'a>(selectors: impl IntoIterator<Item = &'a Selector>) -> BTreeSet<&'a str> {
    selectors.into_iter().filter_map(Selector::group).map(String::as_str).collect()
}

/// One managed room.
#[derive(Clone, Debug)]
pub struct RoomPolicy {
    /// The short name used in plans, metrics and commands.
    pub key: String,
    /// The full room ID, for example `!jFXGFANpXTXXgNkdNi:thephenom.app`.
    pub id: String,
    /// The ID of the room that this one replaced in the end, through whatever others, where the policy was moved. By it is
    /// known what was noted of the room.
    pub replaced: Option<String>,
    /// Who belongs.
    pub members: Vec<Selector>,
    /// What happens to people who are in the room and do not belong.
    pub unlisted: Unlisted,
    /// What happens when a member who belongs has left by choice.
    pub on_leave: OnLeave,
    /// What happens when somebody who was removed keeps coming back by themselves.
    pub on_return: OnReturn,
    /// Levels of users; the highest matching grant wins. Empty: users' levels are left alone.
    pub power: Vec<PowerGrant>,
    /// Levels of the room itself that are enforced, each once.
    pub levels: Vec<(RoomLevel, i64)>,
    /// Room state that is enforced.
    pub settings: RoomSettings,
}

impl RoomPolicy {
    /// The ID of the first room that this policy was about: the same, however often the room is replaced.
    pub fn first_id(&self) -> &str {
        self.replaced.as_deref().unwrap_or(&self.id)
    }

    /// Whether the policy decides about levels in the room.
    pub fn decides_levels(&self) -> bool {
        !self.power.is_empty() || !self.levels.is_empty()
    }

    /// A room with its members, and with what holds where nothing else is decided: who is not listed stays where everyone
    /// belongs, and is removed elsewhere; leaves by choice are respected; who keeps coming back is banned; levels and settings
    /// are left alone.
    pub fn new(key: impl Into<String>, id: impl Into<String>, members: Vec<Selector>) -> Self {
        let keeps = members.contains(&Selector::Everyone);
        Self {
            key: key.into(),
            id: id.into(),
            replaced: None,
            members,
            unlisted: if keeps { Unlisted::Keep } else { Unlisted::Remove },
            on_leave: OnLeave::default(),
            on_return: OnReturn::default(),
            power: Vec::new(),
            levels: Vec::new(),
            settings: RoomSettings::default(),
        }
    }
}

/// A room whose policy was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The room ID that the file names.
    pub configured: String,
    /// The room ID that the policy is about instead.
    pub id: String,
    pub by: String,
    /// When, for people to read.
    pub at: String,
    /// Who had left the old room by choice, and the event: they are not joined to the new one either.
    pub voluntary_leaves: Vec<(String, String)>,
}

/// A power level for the people that any of the selectors names.
#[derive(Clone, Debug)]
pub struct PowerGrant {
    pub level: i64,
    pub grant: Vec<Selector>,
}

/// People in a room who are not entitled to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unlisted {
    Keep,
    Remove,
}

/// A member who left by choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLeave {
    #[default]
    Respect,
    Rejoin,
}

/// Somebody who was removed and came back by themselves, the third time within an hour. Until then, and in any case where it
/// says so, they are removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnReturn {
    #[default]
    Ban,
    Remove,
}

/// What happens to users disabled or deleted in the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Offboarding {
    #[default]
    Remove,
    Lock,
    Deactivate,
}

/// Whether an action is carried out or only counted and reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Observe,
    Enforce,
}

impl Mode {
    /// As the configuration spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

/// The mode of each class of action. Everything left out is observe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    pub accounts: Mode,
    pub joins: Mode,
    pub removals: Mode,
    pub power_levels: Mode,
    pub room_state: Mode,
    pub server_admins: Mode,
    pub profiles: Mode,
}

/// Limits of destructive work, per class over a sliding window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GuardLimits {
    /// Length of the sliding window in seconds.
    pub window_seconds: u64,
    /// Up to this many per room (or among the admins) never ask.
    pub free_removals: u32,
    /// More than this in all is held.
    pub max_removals: u32,
    /// More than the free ones and more than this share of the room's members (0 to 1) is held.
    pub max_fraction: f64,
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self { window_seconds: 3600, free_removals: 2, max_removals: 5, max_fraction: 0.2 }
    }
}
