//! The world: policy, facts and mirror side by side, and the only place where names become numbers.

use hashbrown::{HashMap, HashSet};

use crate::facts::{Account, Facts, Place, SourceState};
use crate::levels::{Creators, Levels, POWER_LEVELS};
use crate::mirror::{Membership, Mirror, OnServer, RoomMirror, StateEvent};
use crate::names::{NameIx, Names};
use crate::plan::{ChangeKey, Closed};
use crate::policy::{Policy, RoomPolicy};
use crate::quarrel::Quarrel;
use crate::roster::RosterReading;
use crate::selector::Selector;
use crate::users::{UserIx, Users};

/// A managed room by its position in the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomIx(pub(crate) u16);

impl RoomIx {
    /// Position in the policy's rooms.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A selector whose names are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matcher {
    Everyone,
    Team(NameIx),
    TeamRole(NameIx, NameIx),
    Group(NameIx),
    Subject(UserIx),
}

/// Everything the planner looks at.
#[derive(Debug)]
pub struct World {
    pub policy: Policy,
    pub users: Users,
    pub names: Names,
    pub facts: Facts,
    pub mirror: Mirror,
    /// What somebody keeps undoing.
    pub quarrels: HashMap<ChangeKey, Quarrel>,
    pub(crate) members: Vec<Vec<Matcher>>,
    /// Grants of each room, with their levels.
    pub(crate) power: Vec<Vec<(i64, Vec<Matcher>)>>,
    pub(crate) admins: Vec<Matcher>,
    pub(crate) operators: Vec<Matcher>,
    exempt: HashSet<UserIx>,
    bot: UserIx,
}

impl World {
    /// A world in which nothing has been read yet.
    pub fn new(policy: Policy) -> Self {
        let mut users = Users::new(&policy.server_name);
        let mut names = Names::default();
        let bot = users.intern(&policy.bot);
        let mut exempt: HashSet<_> = policy.exempt.iter().map(|mxid| users.intern(mxid)).collect();
        exempt.insert(bot);
        let mut compile = |selectors: &[Selector]| -> Vec<Matcher> {
            selectors.iter().map(|one| matcher(one, &mut users, &mut names, &policy.server_name)).collect()
        };
        let members = policy.rooms.iter().map(|room| compile(&room.members)).collect();
        let grants = |room: &RoomPolicy| room.power.iter().map(|one| (one.level, compile(&one.grant))).collect();
        let power = policy.rooms.iter().map(grants).collect();
        let admins = compile(&policy.server_admins);
        let operators = compile(&policy.operators);
        let mirror =
            Mirror { rooms: policy.rooms.iter().map(|_| RoomMirror::default()).collect(), ..Mirror::default() };
        let (facts, quarrels) = (Facts::default(), HashMap::new());
        Self { policy, users, names, facts, mirror, quarrels, members, power, admins, operators, exempt, bot }
    }

    /// Every managed room.
    pub fn rooms(&self) -> impl Iterator<Item = RoomIx> + use<> {
        (0..self.policy.rooms.len()).map(|index| RoomIx(u16::try_from(index).expect("fewer than 65,536 rooms")))
    }

    /// The room with this key.
    pub fn room_by_key(&self, key: &str) -> Option<RoomIx> {
        self.rooms().find(|room| self.policy.rooms[room.index()].key == key)
    }

    /// The managed room with this room ID.
    pub fn room_by_id(&self, id: &str) -> Option<RoomIx> {
        self.rooms().find(|room| self.policy.rooms[room.index()].id == id)
    }

    /// What Synapse has of a room.
    pub fn room(&self, room: RoomIx) -> &RoomMirror {
        &self.mirror.rooms[room.index()]
    }

    /// What Synapse has of a room, to be changed.
    pub fn room_mut(&mut self, room: RoomIx) -> &mut RoomMirror {
        &mut self.mirror.rooms[room.index()]
    }

    /// The bot itself.
    pub fn bot(&self) -> UserIx {
        self.bot
    }

    /// Whether no action may ever touch this user: the bot, and the ids of `guard.exempt`.
    pub fn is_exempt(&self, user: UserIx) -> bool {
        self.exempt.contains(&user)
    }

    /// Takes a whole reading of the roster.
    pub fn set_roster(&mut self, reading: RosterReading) {
        let Self { users, names, facts, .. } = self;
        facts.places = reading
            .people
            .iter()
            .map(|(mxid, belongings)| {
                let places: Box<[Place]> = belongings
                    .iter()
                    .map(|one| (names.intern(&one.team), one.role.as_deref().map(|role| names.intern(role))))
                    .collect();
                (users.intern(mxid), places)
            })
            .collect();
        facts.folded = reading.folded.keys().map(|mxid| users.intern(mxid)).collect();
        facts.roster_rows = reading.rows;
        facts.roster_trouble = reading.trouble;
        facts.roster = SourceState::Good;
    }

    /// Notes that the roster could not be read. What was read before still stands.
    pub fn fail_roster(&mut self, reason: impl Into<String>) {
        self.facts.roster = SourceState::Failing(reason.into());
    }

    /// Takes what the account store says of one account, and whether this service closed it on Synapse.
    pub fn set_account(&mut self, mxid: &str, account: Account, closed_by_us: Option<Closed>, folded: bool) {
        let user = self.users.intern(mxid);
        self.facts.accounts.set(user, account);
        match closed_by_us {
            Some(closed) => self.facts.closed_by_us.insert(user, closed),
            None => self.facts.closed_by_us.remove(&user),
        };
        if folded {
            self.facts.folded_accounts.insert(user);
        } else {
            self.facts.folded_accounts.remove(&user);
        }
    }

    /// Takes a group of the pool: its members as last read whole, and whether that still stands.
    pub fn set_group(&mut self, name: &str, state: SourceState, members: impl Iterator<Item = impl AsRef<str>>) {
        let group = self.names.intern(name);
        let members = members.map(|mxid| self.users.intern(mxid.as_ref())).collect();
        self.facts.groups.insert(group, members);
        self.facts.group_states.insert(group, state);
    }

    /// People whom the roster or a selector names and of whom the account store knows nothing: with a pool, it is asked.
    pub fn unknown_accounts(&self) -> impl Iterator<Item = UserIx> + '_ {
        let named = self.facts.places.keys().copied().chain(self.selected_subjects());
        named.filter(|user| self.facts.accounts.get(*user) == Account::Unknown && !self.is_exempt(*user))
    }

    /// People whom a selector names one by one.
    pub(crate) fn selected_subjects(&self) -> impl Iterator<Item = UserIx> + '_ {
        let selected = self.members.iter().flatten().chain(self.power.iter().flatten().flat_map(|(_, grant)| grant));
        selected.chain(&self.admins).filter_map(|matcher| match matcher {
            Matcher::Subject(user) => Some(*user),
            _ => None,
        })
    }

    /// Accounts that this service closed and that are called for and open again.
    pub fn reopened(&self) -> impl Iterator<Item = UserIx> + '_ {
        let open = |user: UserIx| {
            let there = self.mirror.accounts.get(user);
            there.present && !there.locked && !there.deactivated
        };
        let closed = self.facts.closed_by_us.keys().copied();
        closed.filter(move |user| self.mirror.accounts_listed && self.facts.is_active(*user) && open(*user))
    }

    /// Takes what Synapse says of one account.
    pub fn set_on_server(&mut self, mxid: &str, state: OnServer) {
        let user = self.users.intern(mxid);
        self.mirror.accounts.set(user, state);
    }

    /// Takes a state event with an empty state key. Whom power levels name is known from then on.
    pub fn set_state(&mut self, room: RoomIx, event_type: &str, event: StateEvent) {
        if event_type == POWER_LEVELS
            && let Ok(levels) = Levels::read(Some(&event.content), Creators::default())
        {
            levels.entries().for_each(|(mxid, _)| {
                self.users.intern(mxid);
            });
        }
        let ours = event.sender == self.policy.bot;
        self.room_mut(room).set_state(event_type, "", event, ours);
    }

    /// Takes one membership, as read or pushed. `left_by` is the event of a leave by choice.
    pub fn set_membership(&mut self, room: RoomIx, mxid: &str, membership: Membership, event_id: Option<&str>) {
        let user = self.users.intern(mxid);
        let mirror = self.room_mut(room);
        match (membership, event_id) {
            (Membership::Left, Some(event_id)) => mirror.set_left(user, event_id),
            _ => {
                mirror.set_membership(user, membership);
            }
        }
    }
}

fn matcher(selector: &Selector, users: &mut Users, names: &mut Names, server_name: &str) -> Matcher {
    match selector {
        Selector::Everyone => Matcher::Everyone,
        Selector::Team(team) => Matcher::Team(names.intern(team)),
        Selector::TeamRole { team, role } => Matcher::TeamRole(names.intern(team), names.intern(role)),
        Selector::Group(group) => Matcher::Group(names.intern(group)),
        Selector::Subject(subject) => {
            Matcher::Subject(users.intern(&format!("@{}:{server_name}", subject.to_ascii_lowercase())))
        }
    }
}
