//! The guard: how much may be taken away before somebody is asked.
//!
//! Counted per class over a sliding window, so that a slow drip is caught like a flood. It only marks; it never drops an
//! action.

use hashbrown::{HashMap, HashSet};

use crate::facts::SourceState;
use crate::plan::kind::Bucket;
use crate::plan::{Action, Change, Class, HoldReason, Plan, PowerEdit};
use crate::policy::{Mode, RoomIx};
use crate::recent::Recent;
use crate::selector::{Matcher, SelectorSource};
use crate::users::UserIx;
use crate::world::World;

impl World {
    /// Why what the roster says of a room's members looks wrong: an empty answer, for which the guard holds every removal.
    pub fn roster_suspicion(&self, room: RoomIx) -> Option<HoldReason> {
        self.suspicion(&self.members[room.index()])
    }

    fn suspicion(&self, selectors: &[Matcher]) -> Option<HoldReason> {
        if self.facts.roster != SourceState::Good {
            return None;
        }
        let is_empty = self.facts.roster_rows == 0 && self.depend_on_roster(selectors);
        is_empty.then_some(HoldReason::EmptyRoster).or_else(|| self.emptied_team(selectors))
    }

    /// A team that a selector names, that had people and has nobody while others have.
    fn emptied_team(&self, selectors: &[Matcher]) -> Option<HoldReason> {
        selectors.iter().find_map(|selector| {
            let SelectorSource::Roster(Some(team)) = selector.source() else { return None };
            let renamed = *self.facts.emptied_teams.get(team)?;
            Some(HoldReason::EmptyTeam { team: *team, renamed })
        })
    }

    /// Whether a selector names a group that was read and has no members.
    fn has_empty_group(&self, selectors: &[Matcher]) -> bool {
        selectors.iter().filter_map(Matcher::group).any(|group| {
            self.facts.group_states.get(group) == Some(&SourceState::Good)
                && self.facts.groups.get(group).is_none_or(HashSet::is_empty)
        })
    }

    /// Whether a source that says who belongs in the room answered nothing at all.
    pub(crate) fn has_empty_answer(&self, room: RoomIx) -> bool {
        self.empty_answer((Class::Removals, Some(room))).is_some()
    }

    /// The empty answer of a source that says who has a grant in the room, if there is one.
    pub(crate) fn empty_answer_of_grants(&self, room: RoomIx) -> Option<HoldReason> {
        self.empty_answer((Class::PowerLevels, Some(room)))
    }

    /// The empty answer behind this bucket, if there is one: everything it takes away is held.
    pub(crate) fn empty_answer(&self, (class, room): Bucket) -> Option<HoldReason> {
        let of = |selectors: &[Matcher]| {
            let suspicion = self.suspicion(selectors);
            suspicion.or_else(|| self.has_empty_group(selectors).then_some(HoldReason::EmptyGroup))
        };
        match (class, room) {
            (Class::PowerLevels, Some(room)) => {
                self.power[room.index()].iter().find_map(|(_, selectors)| of(selectors))
            }
            (_, Some(room)) => of(&self.members[room.index()]),
            (Class::ServerAdmins, None) => of(&self.admins),
            (_, None) => None,
        }
    }

    /// The size that a bucket's share is of, without what was taken within the window.
    fn population(&self, (class, room): Bucket) -> u32 {
        match (class, room) {
            (_, Some(room)) => {
                let there = self.room(room).joined() + self.room(room).invited_by_us();
                there.saturating_sub(self.strangers.count((Class::Removals, Some(room))))
            }
            (Class::ServerAdmins, None) => {
                self.mirror.accounts.admins().saturating_sub(self.strangers.count((class, room)))
            }
            (_, None) => self.mirror.accounts.present(),
        }
    }
}

impl Plan {
    /// Whether anything of it, or anything that is in its way, takes something for which a team without people is the reason.
    pub fn takes_for_emptied_teams(&self, world: &World) -> bool {
        let taken = self.actions.iter().map(|action| &action.change).filter(|change| change.takes() > 0).map(bucket);
        let blocked = self.blocked.iter().filter(|one| one.kind.takes()).map(|one| (one.kind.class(), one.room));
        taken.chain(blocked).any(|bucket| matches!(world.empty_answer(bucket), Some(HoldReason::EmptyTeam { .. })))
    }
}

/// Marks what needs approval. Of strangers' places nothing is counted and nothing held, so that however many come, what is due
/// among the others stays the same; only an empty answer, by which everybody may seem a stranger, holds them too. Held, and not
/// counted either, is a place that was got while nobody could say who is entitled to it.
pub(crate) fn guard(world: &World, recent: &Recent, plan: &mut Plan) {
    let taking = || plan.actions.iter().map(|action| &action.change).filter(|change| change.takes() > 0);
    let buckets: HashSet<Bucket> = taking().map(bucket).collect();
    if buckets.is_empty() {
        return;
    }
    let empty: HashMap<Bucket, HoldReason> =
        buckets.iter().filter_map(|bucket| Some((*bucket, world.empty_answer(*bucket)?))).collect();
    let held_as_empty =
        |bucket: Bucket, user: UserIx| empty.get(&bucket).copied().filter(|_| !world.is_closed_by_pool(user));
    // What an empty answer holds counts for nothing else.
    let mut planned: HashMap<Bucket, u32> = HashMap::new();
    for change in taking() {
        let bucket = bucket(change);
        let counted = |user: &UserIx| held_as_empty(bucket, *user).is_none() && world.is_rightful(change, *user);
        let counted = change.loses().filter(counted).count();
        *planned.entry(bucket).or_default() += u32::try_from(counted).unwrap_or(u32::MAX);
    }
    let mut totals: HashMap<Class, u32> = HashMap::new();
    for ((class, _), taken) in planned.iter().chain(&recent.taken) {
        *totals.entry(*class).or_default() += taken;
    }
    let over: HashMap<Bucket, HoldReason> = planned
        .iter()
        .filter(|(_, taken)| **taken > 0)
        .filter_map(|(&bucket, &taken)| Some((bucket, hold(world, recent, bucket, taken, totals[&bucket.0])?)))
        .collect();
    let held = |mode: Mode, part: &Change, user: UserIx| {
        let over = || over.get(&bucket(part)).copied().filter(|_| world.is_rightful(part, user));
        let shown = || mode == Mode::Enforce && recent.withheld.holds(world, part);
        let in_doubt = || world.is_doubtful(part, user);
        held_as_empty(bucket(part), user)
            .or_else(over)
            .or_else(|| in_doubt().then_some(HoldReason::InDoubt))
            .or_else(|| shown().then_some(HoldReason::Shown))
    };
    plan.actions = std::mem::take(&mut plan.actions)
        .into_iter()
        .flat_map(|action| if action.change.takes() > 0 { withhold(action, &held) } else { vec![action] })
        .collect();
}

fn bucket(change: &Change) -> Bucket {
    (change.class(), change.room())
}

fn hold(world: &World, recent: &Recent, bucket: Bucket, planned: u32, total: u32) -> Option<HoldReason> {
    let limits = &world.policy.guard;
    let class = bucket.0;
    let before = recent.taken.get(&bucket).copied().unwrap_or_default();
    let taken = planned + before;
    // Users removed within the window were members when it began; a lowered level leaves its owner a member.
    let gone = if class == Class::PowerLevels { 0 } else { before };
    let now = world.population(bucket) + gone;
    let of = recent.of.get(&bucket).map_or(now, |first| now.min(*first));
    if taken > limits.free_removals && f64::from(taken) > limits.max_fraction * f64::from(of) {
        return Some(HoldReason::Fraction { class, taken, earlier: before, of });
    }
    let earlier = || recent.taken.iter().filter(|((its, _), _)| *its == class).map(|(_, taken)| taken).sum();
    (total > limits.max_removals).then(|| HoldReason::Total { class, taken: total, earlier: earlier() })
}

/// The action with what is held of it. A change of levels is split: what lowers is held, what raises goes on.
fn withhold(action: Action, held: &impl Fn(Mode, &Change, UserIx) -> Option<HoldReason>) -> Vec<Action> {
    let Change::SetPowerLevels { room, edits } = &action.change else {
        let held = action.change.loses().next().and_then(|user| held(action.mode, &action.change, user));
        return vec![Action { held, ..action }];
    };
    let alone = |edit: &PowerEdit| Change::SetPowerLevels { room: *room, edits: Box::new([*edit]) };
    let hold_of =
        |edit: &PowerEdit| edit.user().filter(|_| edit.lowers).and_then(|user| held(action.mode, &alone(edit), user));
    let mut parts: Vec<(Option<HoldReason>, Vec<PowerEdit>)> = Vec::new();
    for edit in edits {
        let hold = hold_of(edit);
        match parts.iter_mut().find(|(its, _)| *its == hold) {
            Some((_, part)) => part.push(*edit),
            None => parts.push((hold, vec![*edit])),
        }
    }
    parts.sort_by_key(|(hold, _)| hold.is_some());
    let part = |(held, edits): (_, Vec<PowerEdit>)| {
        let change = Change::SetPowerLevels { room: *room, edits: edits.into() };
        Action { change, held, ..action.clone() }
    };
    parts.into_iter().map(part).collect()
}
