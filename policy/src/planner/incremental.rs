//! The planner that remembers: it judges again only whom something has changed about, and the plan is the same as
//! [`super::plan`] would make it.

use std::sync::Arc;

use super::basis::{Basis, RoomBasis};
use super::order::{Place, replace, replace_users, sort};
use super::power::{self, Levelled, Restored};
use super::{accounts, admins, finish, membership, plan_members, plan_room, settings};
use crate::guard::Recent;
use crate::plan::{Kind, Plan};
use crate::user_set::UserSet;
use crate::users::UserIx;
use crate::world::{RoomIx, Touched, World};

/// What is planned for one world, kept between passes. It is of one world only.
#[derive(Debug, Default)]
pub struct Planner {
    /// As judged: nothing held, nothing withdrawn.
    judged: Arc<Plan>,
    /// What is planned for single levels, by room.
    levelled: Vec<Vec<Levelled>>,
    /// Nothing where nobody was judged yet.
    basis: Option<Basis>,
    /// How many users were judged: whoever was seen first since then was not.
    users: usize,
    /// How far the world's marks were taken.
    taken: Option<u64>,
    finished: Option<Finished>,
    judgements: u64,
}

/// A plan that was decided upon as a whole.
#[derive(Debug)]
struct Finished {
    revision: u64,
    recent: Recent,
    /// Nothing where it is the one that was judged.
    plan: Option<Arc<Plan>>,
    version: u64,
}

/// What is judged wholly anew.
#[derive(Debug)]
struct Anew {
    server: bool,
    rooms: Vec<RoomAnew>,
}

#[derive(Clone, Copy, Debug)]
struct RoomAnew {
    idle: bool,
    members: bool,
    settings: bool,
    power: bool,
}

impl Planner {
    /// The whole plan. `recent` is what was taken away within the guard's window.
    pub fn plan(&mut self, world: &mut World, recent: &Recent) -> Arc<Plan> {
        self.judge(world);
        let revision = world.revision();
        let version = match &self.finished {
            Some(last) if last.revision == revision && last.recent == *recent => {
                return Arc::clone(last.plan.as_ref().unwrap_or(&self.judged));
            }
            Some(last) => last.version + 1,
            None => 0,
        };
        let is_decided = !self.judged.takes(world) && world.fights.is_empty();
        let plan = (!is_decided).then(|| {
            let mut plan = Plan::clone(&self.judged);
            finish(world, recent, &mut plan);
            Arc::new(plan)
        });
        let answer = Arc::clone(plan.as_ref().unwrap_or(&self.judged));
        self.finished = Some(Finished { revision, recent: recent.clone(), plan, version });
        answer
    }

    /// What is planned before anything is decided of the plan as a whole. It says what that decision must know.
    pub fn judged(&self) -> &Plan {
        &self.judged
    }

    /// Judges whom something has changed about.
    pub fn judge(&mut self, world: &mut World) {
        let Touched { taken, users } = world.take_touched(self.taken);
        self.taken = Some(taken);
        let world = &*world;
        let basis = Basis::of(world);
        // Whoever took marks before us did not tell us.
        let before = users.is_some().then(|| self.basis.take()).flatten();
        let mut users = users.unwrap_or_default();
        (self.users..world.users.len()).map(UserIx::from_index).for_each(|user| {
            users.insert(user);
        });
        self.users = world.users.len();
        let anew = Anew::of(before.as_ref(), &basis);
        if before.is_none() {
            self.judge_everybody(world);
        } else if anew.is_anything() || users.len() > 0 {
            self.judge_users(world, &users, &basis, &anew);
            self.judge_anew(world, &users, &basis, &anew);
        }
        self.basis = Some(basis);
    }

    /// Has everybody judged anew by the next call. Nothing that was kept outlives what is read again as a whole.
    pub fn forget(&mut self) {
        self.basis = None;
        self.finished.iter_mut().for_each(|finished| finished.revision = u64::MAX);
    }

    /// How many judgements were made since the beginning: of one user's account, flag, membership or level.
    pub fn judgements(&self) -> u64 {
        self.judgements
    }

    /// Tells plans from each other: the same number means the same plan.
    pub fn version(&self) -> Option<u64> {
        self.finished.as_ref().map(|finished| finished.version)
    }

    /// Single users, wherever not everybody is judged anew.
    fn judge_users(&mut self, world: &World, users: &UserSet, basis: &Basis, anew: &Anew) {
        let (mut places, mut found): (Vec<Place>, _) = (Vec::new(), Plan::default());
        if !anew.server && basis.server.listed {
            places.extend(SERVER_KINDS.map(|kind| (None, kind)));
            for user in users.iter() {
                accounts::plan_account(world, user, basis.server.pool_frozen, &mut found);
                self.judgements += 1;
            }
            for user in users.iter().filter(|_| !world.admins.is_empty()) {
                admins::plan_admin(world, user, basis.server.admins_frozen, &mut found);
                self.judgements += 1;
            }
        }
        for (room, _) in anew.rooms(world).filter(|(_, anew)| !anew.members && !anew.idle) {
            places.extend([Kind::Join, Kind::Remove].map(|kind| (Some(room), kind)));
            for user in users.iter() {
                membership::plan_member(world, room, user, basis.members(room).frozen, &mut found);
                self.judgements += 1;
            }
        }
        if places.is_empty() || users.len() == 0 {
            return;
        }
        let plan = Arc::make_mut(&mut self.judged);
        replace_users(world, &mut plan.actions, users, &places, found.actions);
        replace_users(world, &mut plan.blocked, users, &places, found.blocked);
        replace_users(world, &mut plan.pardons, users, &places, found.pardons);
    }

    /// The first time, or after marks were lost: straight into one list, in the order of the plan.
    fn judge_everybody(&mut self, world: &World) {
        let mut plan = Plan::default();
        accounts::plan_accounts(world, &mut plan);
        admins::plan_admins(world, &mut plan);
        let mut done = sort_from(world, &mut plan, [0; 3]);
        self.levelled = world
            .rooms()
            .map(|room| {
                let levelled = plan_room(world, room, &mut plan);
                done = sort_from(world, &mut plan, done);
                levelled
            })
            .collect();
        self.judgements += (world.users.len() * (1 + self.levelled.len())) as u64;
        self.judged = Arc::new(plan);
    }

    fn judge_anew(&mut self, world: &World, users: &UserSet, basis: &Basis, anew: &Anew) {
        if anew.server {
            let mut found = Plan::default();
            accounts::plan_accounts(world, &mut found);
            admins::plan_admins(world, &mut found);
            self.judgements += world.users.len() as u64;
            self.put(world, (None, Kind::CreateAccount, Kind::RevokeServerAdmin), found);
        }
        for (room, anew) in anew.rooms(world) {
            let (mut members, mut state) = (Plan::default(), Plan::default());
            if anew.members {
                if !basis.members(room).idle {
                    plan_members(world, room, &mut members);
                    self.judgements += world.users.len() as u64;
                }
                self.put(world, (Some(room), Kind::Join, Kind::Remove), members);
            }
            if anew.settings {
                if !anew.idle {
                    settings::plan_settings(world, room, &mut state);
                }
                self.put(world, (Some(room), Kind::SetRoomState, Kind::SetRoomState), state);
            }
            self.judge_power(world, room, anew, users);
        }
        let idle = || world.rooms().filter(|room| basis.members(*room).idle);
        if !self.judged.idle_rooms.iter().copied().eq(idle()) {
            Arc::make_mut(&mut self.judged).idle_rooms = idle().collect();
        }
    }

    /// Levels of everybody, or of those who were touched.
    fn judge_power(&mut self, world: &World, room: RoomIx, anew: RoomAnew, users: &UserSet) {
        if world.power[room.index()].is_empty() || (anew.idle || users.len() == 0) && !anew.power {
            return;
        }
        let content = Restored::of(world, room);
        let levels = content.levels(world, room).filter(|_| !anew.idle);
        let levelled = &mut self.levelled[room.index()];
        let had = levelled.len();
        if anew.power {
            levelled.clear();
        }
        if let Some(levels) = &levels {
            let all = anew.power.then(|| power::candidates(world, room, levels));
            let some = || users.iter().filter(|user| power::is_candidate(world, room, *user, levels)).collect();
            let candidates: Vec<UserIx> = all.unwrap_or_else(some);
            self.judgements += candidates.len() as u64;
            let found = candidates.into_iter().filter_map(|user| power::level(world, room, user, levels)).collect();
            replace_users(world, levelled, users, &[(None, Kind::SetPowerLevels)], found);
        }
        // Nobody's level was to be changed, and nobody's is.
        if !anew.power && had == 0 && levelled.is_empty() {
            return;
        }
        let mut found = Plan::default();
        if !anew.idle {
            power::plan_levels(world, room, &content, levelled, &mut found);
        }
        self.put(world, (Some(room), Kind::SetPowerLevels, Kind::SetPowerLevels), found);
    }

    fn put(&mut self, world: &World, kinds: (Option<RoomIx>, Kind, Kind), found: Plan) {
        let plan = Arc::make_mut(&mut self.judged);
        replace(world, &mut plan.actions, kinds, found.actions);
        replace(world, &mut plan.blocked, kinds, found.blocked);
        replace(world, &mut plan.pardons, kinds, found.pardons);
    }
}

/// Sorts what was added to a plan, all of which comes after what was there.
fn sort_from(world: &World, plan: &mut Plan, [actions, blocked, pardons]: [usize; 3]) -> [usize; 3] {
    sort(world, &mut plan.actions[actions..]);
    sort(world, &mut plan.blocked[blocked..]);
    sort(world, &mut plan.pardons[pardons..]);
    [plan.actions.len(), plan.blocked.len(), plan.pardons.len()]
}

/// What a plan says of single users on the server.
const SERVER_KINDS: [Kind; 5] =
    [Kind::CreateAccount, Kind::LockAccount, Kind::DeactivateAccount, Kind::GrantServerAdmin, Kind::RevokeServerAdmin];

impl Anew {
    fn of(before: Option<&Basis>, now: &Basis) -> Self {
        let room = |(number, now): (usize, &RoomBasis)| {
            let before = before.map(|before| &before.rooms[number]);
            let members = before.is_none_or(|before| before.members != now.members);
            let state = before.is_none_or(|before| before.state != now.state);
            let power_frozen = before.is_none_or(|before| before.power_frozen != now.power_frozen);
            RoomAnew {
                idle: now.members.idle,
                members,
                settings: members || state,
                power: members || state || power_frozen,
            }
        };
        Self {
            server: before.is_none_or(|before| before.server != now.server),
            rooms: now.rooms.iter().enumerate().map(room).collect(),
        }
    }

    fn is_anything(&self) -> bool {
        self.server || self.rooms.iter().any(|room| room.members || room.settings || room.power)
    }

    fn rooms(&self, world: &World) -> impl Iterator<Item = (RoomIx, RoomAnew)> + use<'_> {
        world.rooms().zip(self.rooms.iter().copied())
    }
}
