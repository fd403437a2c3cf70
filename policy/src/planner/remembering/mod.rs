//! The planner that remembers: its plan is the one that [`super::plan`] makes, and only dirty users are evaluated again.
//!
//! **Why it is here.** The service plans after every push. At a million accounts and four rooms a plan from nothing takes
//! 0.11 s of a core, and this one 4 µs for one user who changed; the contract asks for less than a second. So up to a
//! million accounts it is a comfort; ten million accounts in a hundred rooms need it.
//!
//! **What removing it takes.** `planner/mod.rs` names it in one line, `pub use self::remembering::Planner`. In its place goes
//! a `Planner` of the same four functions that keeps the last plan for as long as `World::revision` is the same, and calls
//! [`super::plan`] otherwise. This folder goes then, with `world/dirty.rs` but for the revision, and
//! `policy/tests/incremental/`.
//!
//! **What would justify that.** No installation above a million accounts is in sight, or a plan from nothing takes so little
//! that nobody waits for it. What does not justify it: that a test of it fails. The histories in `policy/tests/incremental/`
//! compare both planners step by step, and a difference is a change that the world did not note as dirty.

mod shared_inputs;
mod splice;

use std::sync::Arc;

use self::shared_inputs::{RoomInputs, SharedInputs};
use self::splice::{replace, replace_users};
use super::order::{Slot, sort};
use super::power::{self, Levelled};
use super::{accounts, admins, finish, membership, plan_members, plan_room, profiles, settings};
use crate::plan::{Class, Kind, Plan};
use crate::policy::RoomIx;
use crate::recent::Recent;
use crate::user_set::UserSet;
use crate::users::UserIx;
use crate::world::{DirtyUsers, World};

/// The plan of one world, kept between passes. It must not be used for another world.
#[derive(Debug, Default)]
pub struct Planner {
    /// As evaluated, before the guard and fights look at the whole plan.
    evaluated: Arc<Plan>,
    /// What is planned for single levels, by room.
    levelled: Vec<Vec<Levelled>>,
    /// Nothing where nobody was evaluated yet.
    shared: Option<SharedInputs>,
    /// `users.len()` at the last evaluation; higher indices are new.
    users: usize,
    /// The revision up to which dirty users were taken.
    taken: Option<u64>,
    finished: Option<Finished>,
    evaluations: u64,
}

/// A plan after the guard and fights.
#[derive(Debug)]
struct Finished {
    revision: u64,
    recent: Recent,
    /// `None` where it equals the evaluated one.
    plan: Option<Arc<Plan>>,
    version: u64,
}

/// What is evaluated for everybody, not only for dirty users.
#[derive(Debug)]
struct Reevaluation {
    server: bool,
    rooms: Vec<RoomReevaluation>,
}

#[derive(Clone, Copy, Debug)]
struct RoomReevaluation {
    idle: bool,
    members: bool,
    settings: bool,
    power: bool,
}

impl Planner {
    /// The whole plan. `recent` is what was taken away within the guard's window.
    pub fn plan(&mut self, world: &mut World, recent: &Recent) -> Arc<Plan> {
        self.evaluate(world);
        let revision = world.revision();
        let version = match &self.finished {
            Some(last) if last.revision == revision && last.recent == *recent => {
                return Arc::clone(last.plan.as_ref().unwrap_or(&self.evaluated));
            }
            Some(last) => last.version + 1,
            None => 0,
        };
        let is_decided =
            !self.evaluated.takes(world) && self.evaluated.cleared_leaves.is_empty() && world.fights.is_empty();
        let plan = (!is_decided).then(|| {
            let mut plan = Plan::clone(&self.evaluated);
            finish(world, recent, &mut plan);
            Arc::new(plan)
        });
        let answer = Arc::clone(plan.as_ref().unwrap_or(&self.evaluated));
        self.finished = Some(Finished { revision, recent: recent.clone(), plan, version });
        answer
    }

    /// The plan before guard and fights. It tells whether they need the ledger at all.
    pub fn evaluated(&self) -> &Plan {
        &self.evaluated
    }

    /// Evaluates dirty users, and everybody where a shared input changed.
    pub fn evaluate(&mut self, world: &mut World) {
        let DirtyUsers { taken, users } = world.take_dirty(self.taken);
        self.taken = Some(taken);
        let world = &*world;
        let shared = SharedInputs::of(world, self.shared.as_ref());
        // Somebody else took the dirty users before us: evaluate everybody.
        let before = users.is_some().then(|| self.shared.take()).flatten();
        let mut users = users.unwrap_or_default();
        (self.users..world.users.len()).map(UserIx::from_index).for_each(|user| {
            users.insert(user);
        });
        self.users = world.users.len();
        let whole = Reevaluation::of(before.as_ref(), &shared);
        if before.is_none() {
            self.evaluate_all(world);
        } else if whole.is_anything() || users.len() > 0 {
            self.evaluate_users(world, &users, &shared, &whole);
            self.reevaluate(world, &users, &shared, &whole);
        }
        self.shared = Some(shared);
    }

    /// Makes the next call evaluate everybody. Called at each resync, so that a kept mistake lives for minutes at most.
    pub fn forget(&mut self) {
        self.shared = None;
        self.finished.iter_mut().for_each(|finished| finished.revision = u64::MAX);
    }

    /// Evaluations since the start, each of one user's account, flag, membership or level. Benchmarks and tests count them.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Version of the plan: the same number means the same plan.
    pub fn version(&self) -> Option<u64> {
        self.finished.as_ref().map(|finished| finished.version)
    }

    /// Evaluates the dirty users in scopes that are not evaluated whole.
    fn evaluate_users(&mut self, world: &World, users: &UserSet, shared: &SharedInputs, whole: &Reevaluation) {
        let (mut slots, mut found): (Vec<Slot>, _) = (Vec::new(), Plan::default());
        if !whole.server && shared.server.listed {
            slots.extend(kinds(is_of_server).map(|kind| (None, kind)));
            for user in users.iter() {
                accounts::plan_account(world, user, shared.server.pool_frozen, &mut found);
                self.evaluations += 1;
            }
            for user in users.iter().filter(|_| !world.admins.is_empty()) {
                admins::plan_admin(world, user, shared.server.admins_frozen, &mut found);
                self.evaluations += 1;
            }
            for user in users.iter().filter(|_| world.policy.profiles.is_some()) {
                profiles::plan_profile(world, user, &mut found);
                self.evaluations += 1;
            }
        }
        for (room, _) in whole.rooms(world).filter(|(_, whole)| !whole.members && !whole.idle) {
            slots.extend(kinds(is_of_members).map(|kind| (Some(room), kind)));
            for user in users.iter() {
                membership::plan_member(world, room, user, shared.members(room), &mut found);
                self.evaluations += 1;
            }
        }
        if slots.is_empty() || users.len() == 0 {
            return;
        }
        let plan = Arc::make_mut(&mut self.evaluated);
        replace_users(world, &mut plan.actions, users, &slots, found.actions);
        replace_users(world, &mut plan.blocked, users, &slots, found.blocked);
        replace_users(world, &mut plan.cleared_leaves, users, &slots, found.cleared_leaves);
    }

    /// Evaluates everybody straight into one list, in the order of the plan: at first, or after dirty users were lost.
    fn evaluate_all(&mut self, world: &World) {
        let mut plan = Plan::default();
        accounts::plan_accounts(world, &mut plan);
        admins::plan_admins(world, &mut plan);
        profiles::plan_profiles(world, &mut plan);
        let mut done = sort_from(world, &mut plan, [0; 3]);
        self.levelled = world
            .rooms()
            .map(|room| {
                let levelled = plan_room(world, room, &mut plan);
                done = sort_from(world, &mut plan, done);
                levelled
            })
            .collect();
        self.evaluations += (world.users.len() * (1 + self.levelled.len())) as u64;
        self.evaluated = Arc::new(plan);
    }

    fn reevaluate(&mut self, world: &World, users: &UserSet, shared: &SharedInputs, whole: &Reevaluation) {
        if whole.server {
            let mut found = Plan::default();
            accounts::plan_accounts(world, &mut found);
            admins::plan_admins(world, &mut found);
            profiles::plan_profiles(world, &mut found);
            self.evaluations += world.users.len() as u64;
            self.put(world, None, is_of_server, found);
        }
        for (room, whole) in whole.rooms(world) {
            let (mut members, mut state) = (Plan::default(), Plan::default());
            if whole.members {
                if !shared.members(room).idle {
                    plan_members(world, room, shared.members(room), &mut members);
                    self.evaluations += world.users.len() as u64;
                }
                self.put(world, Some(room), is_of_members, members);
            }
            if whole.settings {
                if !whole.idle {
                    settings::plan_settings(world, room, &mut state);
                }
                self.put(world, Some(room), |class| class == Class::RoomState, state);
            }
            self.evaluate_power(world, room, whole, users);
        }
        let idle = || world.rooms().filter(|room| shared.members(*room).idle);
        if !self.evaluated.idle_rooms.iter().copied().eq(idle()) {
            Arc::make_mut(&mut self.evaluated).idle_rooms = idle().collect();
        }
    }

    /// Evaluates levels, of everybody or of dirty users.
    fn evaluate_power(&mut self, world: &World, room: RoomIx, whole: RoomReevaluation, users: &UserSet) {
        if !world.policy.rooms[room.index()].decides_levels() || (whole.idle || users.len() == 0) && !whole.power {
            return;
        }
        let levels = world.room(room).levels().ok().filter(|_| !whole.idle);
        let levelled = &mut self.levelled[room.index()];
        let had = levelled.len();
        if whole.power {
            levelled.clear();
        }
        if let Some(levels) = &levels {
            let all = whole.power.then(|| power::candidates(world, room, levels));
            let some = || users.iter().filter(|user| power::is_candidate(world, room, *user, levels)).collect();
            let candidates: Vec<UserIx> = all.unwrap_or_else(some);
            self.evaluations += candidates.len() as u64;
            let found = candidates.into_iter().filter_map(|user| power::level(world, room, user, levels)).collect();
            replace_users(world, levelled, users, &[(None, Kind::SetPowerLevels)], found);
        }
        // No level was planned to change before, and none is now.
        if !whole.power && had == 0 && levelled.is_empty() {
            return;
        }
        let mut found = Plan::default();
        if !whole.idle {
            power::plan_levels(world, room, levelled, &mut found);
        }
        self.put(world, Some(room), |class| class == Class::PowerLevels, found);
    }

    /// Replaces all that is planned of these classes, whose kinds stand together in the order of a plan.
    fn put(&mut self, world: &World, room: Option<RoomIx>, is_meant: fn(Class) -> bool, found: Plan) {
        let (Some(first), Some(last)) = (kinds(is_meant).min(), kinds(is_meant).max()) else { return };
        debug_assert_eq!(kinds(|_| true).filter(|kind| (first..=last).contains(kind)).count(), kinds(is_meant).count());
        let kinds = (room, first, last);
        let plan = Arc::make_mut(&mut self.evaluated);
        replace(world, &mut plan.actions, kinds, found.actions);
        replace(world, &mut plan.blocked, kinds, found.blocked);
        replace(world, &mut plan.cleared_leaves, kinds, found.cleared_leaves);
    }
}

/// Sorts the entries appended to a plan; they all come after the ones before.
fn sort_from(world: &World, plan: &mut Plan, [actions, blocked, cleared_leaves]: [usize; 3]) -> [usize; 3] {
    sort(world, &mut plan.actions[actions..]);
    sort(world, &mut plan.blocked[blocked..]);
    sort(world, &mut plan.cleared_leaves[cleared_leaves..]);
    [plan.actions.len(), plan.blocked.len(), plan.cleared_leaves.len()]
}

/// The kinds of these classes.
fn kinds(is_meant: impl Fn(Class) -> bool) -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(move |kind| is_meant(kind.class()))
}

/// Whether it is planned without a room, for everybody's account.
fn is_of_server(class: Class) -> bool {
    !class.is_of_a_room()
}

/// Whether it is planned with the members of a room.
fn is_of_members(class: Class) -> bool {
    matches!(class, Class::Joins | Class::Removals)
}

impl Reevaluation {
    fn of(before: Option<&SharedInputs>, now: &SharedInputs) -> Self {
        let room = |(number, now): (usize, &RoomInputs)| {
            let before = before.map(|before| &before.rooms[number]);
            let members = before.is_none_or(|before| before.members != now.members);
            let state = before.is_none_or(|before| before.state != now.state);
            let grants = |inputs: &RoomInputs| (inputs.power_frozen, inputs.grants_in_doubt, inputs.roster_suspicious);
            let grants = before.is_none_or(|before| grants(before) != grants(now));
            RoomReevaluation {
                idle: now.members.idle,
                members,
                settings: members || state,
                power: members || state || grants,
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

    fn rooms(&self, world: &World) -> impl Iterator<Item = (RoomIx, RoomReevaluation)> + use<'_> {
        world.rooms().zip(self.rooms.iter().copied())
    }
}
