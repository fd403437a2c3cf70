//! The world: policy, facts and mirror side by side, and the only place where names become numbers.
//!
//! The state is read freely and changed only here, by functions that mark users and rooms as dirty: [`crate::Planner`]
//! keeps its plan up to date by these marks, so an unmarked change would never be acted on.

mod dirty;
mod follow;
mod homeserver;
mod profiles;
mod sources;
mod unknown;
mod unused;

use std::ops::Deref;

use hashbrown::{HashMap, HashSet};

use self::dirty::DirtyLog;
pub(crate) use self::dirty::DirtyUsers;
pub use self::unknown::UnknownSubject;
use crate::background::{Background, Lost};
use crate::facts::Facts;
use crate::fight::Fight;
use crate::mirror::{Mirror, RoomMirror};
use crate::names::Names;
use crate::plan::key::ChangeKey;
use crate::policy::{Policy, RoomIx, SelectorPlace};
use crate::selector::{Matcher, Selector};
use crate::strangers::Strangers;
use crate::users::{UserIx, Users};

/// Everything the planner looks at, and what of it is dirty.
#[derive(Debug)]
pub struct World {
    state: WorldState,
    dirty: DirtyLog,
    /// Users of our own server who left a room by their own event, since this was last taken.
    parted: Vec<UserIx>,
    /// Who was found in a room that was read again and was not there before, since this was last taken.
    found: Vec<(RoomIx, UserIx)>,
    /// What the sources say no longer, since this was last taken.
    lost: Lost,
    /// Names and sets of teams that the last look for unused ones left.
    kept: usize,
}

impl Deref for World {
    type Target = WorldState;

    fn deref(&self) -> &WorldState {
        &self.state
    }
}

/// What a [`World`] knows, to be read.
#[derive(Debug)]
pub struct WorldState {
    pub policy: Policy,
    pub users: Users,
    pub names: Names,
    pub facts: Facts,
    pub mirror: Mirror,
    /// Changes that somebody keeps reverting.
    pub fights: HashMap<ChangeKey, Fight>,
    /// To which level we lowered people lately. Who is raised above it once more has that by another hand than ours.
    pub(crate) lowered: HashMap<(RoomIx, UserIx), Option<i64>>,
    /// Who was removed and came back by themselves so often that they are banned when they do once more.
    pub returners: HashSet<(RoomIx, UserIx)>,
    /// Places that nobody was entitled to when they were taken.
    pub strangers: Strangers,
    /// What is known of the past of some, for words alone.
    pub(crate) backgrounds: HashMap<UserIx, Background>,
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
        let mut members = vec![Vec::new(); policy.rooms.len()];
        let mut power: Vec<Vec<(i64, Vec<Matcher>)>> = vec![Vec::new(); policy.rooms.len()];
        let (mut admins, mut operators) = (Vec::new(), Vec::new());
        for (place, selectors) in policy.selector_lists() {
            let matchers =
                selectors.iter().map(|one| matcher(one, &mut users, &mut names, &policy.server_name)).collect();
            match place {
                SelectorPlace::Members { room } => members[room] = matchers,
                SelectorPlace::Power { room, grant } => {
                    power[room].push((policy.rooms[room].power[grant].level, matchers));
                }
                SelectorPlace::ServerAdmins => admins = matchers,
                SelectorPlace::Operators => operators = matchers,
            }
        }
        let mirror =
            Mirror { rooms: policy.rooms.iter().map(|_| RoomMirror::default()).collect(), ..Mirror::default() };
        let dirty = DirtyLog::of_rooms(policy.rooms.len());
        let (facts, fights, strangers) = (Facts::default(), HashMap::new(), Strangers::default());
        let state = WorldState {
            policy,
            users,
            names,
            facts,
            mirror,
            fights,
            lowered: HashMap::new(),
            returners: HashSet::new(),
            strangers,
            backgrounds: HashMap::new(),
            members,
            power,
            admins,
            operators,
            exempt,
            bot,
        };
        Self { state, dirty, parted: Vec::new(), found: Vec::new(), lost: Lost::default(), kept: 0 }
    }

    /// The number of an MXID, which is remembered if it is new.
    pub fn intern(&mut self, mxid: &str) -> UserIx {
        let before = self.state.users.len();
        let user = self.state.users.intern(mxid);
        if self.state.users.len() > before {
            self.dirty.something();
        }
        user
    }

    /// Changes what was decided, selectors excepted: everybody is evaluated again.
    pub fn adjust(&mut self, change: impl FnOnce(&mut Policy)) {
        self.dirty.everything();
        change(&mut self.state.policy);
    }

    /// Notes a fight, or what is known of it by now.
    pub fn begin_fight(&mut self, key: ChangeKey, fight: Fight) {
        self.dirty.something();
        self.state.fights.insert(key, fight);
    }

    /// Notes who undoes a change.
    pub fn name_reverter(&mut self, key: &ChangeKey, by: Option<String>) {
        self.dirty.something();
        if let Some(fight) = self.state.fights.get_mut(key) {
            fight.by = by;
        }
    }

    /// Notes that we lowered somebody's level, or that it is too long ago to say anything, or that we raised it.
    pub fn set_lowered(&mut self, room: RoomIx, user: UserIx, to: Option<Option<i64>>) {
        self.dirty.something();
        match to {
            Some(level) => self.state.lowered.insert((room, user), level),
            None => self.state.lowered.remove(&(room, user)),
        };
    }

    /// Forgets users that we lowered and that have a higher grant again, by any hand: should they lose it once more, that counts.
    pub fn forget_lowered_who_are_granted(&mut self) {
        let granted = |(&(room, user), &to): (&(RoomIx, UserIx), &Option<i64>)| {
            let level = self.granted(room, user)?.level;
            to.is_none_or(|to| level > to).then_some((room, user))
        };
        let granted: Vec<(RoomIx, UserIx)> = self.lowered.iter().filter_map(granted).collect();
        granted.into_iter().for_each(|(room, user)| self.set_lowered(room, user, None));
    }

    /// Says whether somebody who was removed keeps coming back.
    pub fn set_returner(&mut self, room: RoomIx, user: UserIx, is: bool) {
        let returners = &mut self.state.returners;
        let changed = if is { returners.insert((room, user)) } else { returners.remove(&(room, user)) };
        if changed {
            self.mark_dirty(user);
        }
    }

    /// Words alone come of it: nobody becomes dirty.
    pub(crate) fn backgrounds_mut(&mut self) -> &mut HashMap<UserIx, Background> {
        &mut self.state.backgrounds
    }

    /// What the sources said of people and say no longer, since this was last asked.
    pub fn take_lost(&mut self) -> Lost {
        std::mem::take(&mut self.lost)
    }

    pub(crate) fn strangers_mut(&mut self) -> &mut Strangers {
        self.dirty.something();
        &mut self.state.strangers
    }

    /// A fight is over.
    pub fn end_fight(&mut self, key: &ChangeKey) {
        self.dirty.something();
        self.state.fights.remove(key);
    }
}

impl WorldState {
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

    /// Users that we lowered lately, and to which level.
    pub fn lowered(&self) -> impl Iterator<Item = (RoomIx, UserIx, Option<i64>)> + '_ {
        self.lowered.iter().map(|(&(room, user), &to)| (room, user, to))
    }

    /// What Synapse has of a room.
    pub fn room(&self, room: RoomIx) -> &RoomMirror {
        &self.mirror.rooms[room.index()]
    }

    /// The bot itself.
    pub fn bot(&self) -> UserIx {
        self.bot
    }

    /// Whether a selector names this user alone.
    pub(crate) fn is_selected(&self, user: UserIx) -> bool {
        self.selected_subjects().any(|subject| subject == user)
    }

    /// Whether no action may ever touch this user: the bot, and the ids of `guard.exempt`.
    pub fn is_exempt(&self, user: UserIx) -> bool {
        self.exempt.contains(&user)
    }

    /// Users that a `{ subject = … }` selector names.
    pub(crate) fn selected_subjects(&self) -> impl Iterator<Item = UserIx> + '_ {
        let selected = self.members.iter().flatten().chain(self.power.iter().flatten().flat_map(|(_, grant)| grant));
        selected.chain(&self.admins).filter_map(|matcher| matcher.subject().copied())
    }
}

fn matcher(selector: &Selector, users: &mut Users, names: &mut Names, server_name: &str) -> Matcher {
    // Also a name that Synapse would not register, such as one of another application service: a user that the policy names
    // must lose nothing for their name.
    let person = |subject: &String| users.intern(&format!("@{}:{server_name}", subject.to_ascii_lowercase()));
    selector.map(|name| names.intern(name), person)
}
