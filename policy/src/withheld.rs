//! What is planned and not carried out, on observe or held by the guard, from when it is first so until it is over.
//!
//! Each part has one line in the ledger, not one a pass. And **what was shown as held stays held**: until somebody approves
//! it, or until a plan that could speak of it does not name it. Neither a window that passed nor a smaller plan, a room that
//! cannot be read, a dismissal or a restart lets it go.

use std::borrow::Cow;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::obstacle::Obstacle;
use crate::plan::{Action, Because, Change, ChangeKey, Digest, Kind, Plan, PowerEdit};
use crate::policy::{Mode, RoomIx};
use crate::users::UserIx;
use crate::world::World;

type Key = (ChangeKey, Mode);

/// What is remembered of a change: its parts, each by what tells it from others. **What lowers somebody's level is the same whatever
/// is written instead**: it takes from them what was shown, however the default of the room changes meanwhile. So is a removal,
/// whether it bans or not.
fn remembered(change: &Change) -> impl Iterator<Item = (Cow<'_, Change>, ChangeKey)> {
    change.parts().zip(change.counted()).map(|(part, key)| match part.as_ref() {
        Change::SetPowerLevels { room, edits } if edits[0].lowers => {
            let lowered = PowerEdit { after: None, ..edits[0] };
            let key = ChangeKey::of_level(*room, lowered.of, None);
            (Cow::Owned(Change::SetPowerLevels { room: *room, edits: Box::new([lowered]) }), key)
        }
        &Change::Remove { room, user, before, ban: true } => {
            (Cow::Owned(Change::Remove { room, user, before, ban: false }), key)
        }
        _ => (part, key),
    })
}

/// Withheld parts that have their line already. There may be as many as people, so they are handed on and compared without
/// being looked through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Withheld {
    written: Arc<HashMap<Key, Digest>>,
    /// Those of an earlier process that no plan of this one has named yet.
    inherited: Arc<HashSet<Digest>>,
}

/// What changed since the last plan.
#[derive(Debug, Default)]
pub struct WithheldDiff<'a> {
    pub begun: Vec<Begun<'a>>,
    /// No longer withheld.
    pub ended: Vec<Digest>,
}

/// An action of which parts began to be withheld.
#[derive(Debug)]
pub struct Begun<'a> {
    pub action: &'a Action,
    pub digests: Vec<Digest>,
}

impl Withheld {
    /// What an earlier process had withheld.
    pub fn inherit(digests: impl IntoIterator<Item = Digest>) -> Self {
        Self { inherited: Arc::new(digests.into_iter().collect()), ..Self::default() }
    }

    /// Whether a part of a change was shown as held, and nobody has approved it.
    pub(crate) fn holds(&self, world: &World, part: &Change) -> bool {
        let is_inherited = |part: &Change| {
            !self.inherited.is_empty()
                && (self.inherited.contains(&part.digest(world, Mode::Enforce))
                    || self.inherited.contains(&part.digest_by_id(world, Mode::Enforce)))
        };
        remembered(part).all(|(part, key)| self.written.contains_key(&(key, Mode::Enforce)) || is_inherited(&part))
            // An older version wrote a lowered level with what was to be written instead.
            || is_inherited(part)
    }

    /// Compares what is withheld now with what has its line. While a source cannot be read (not `whole`) the plan is poorer
    /// than the truth, and nothing counts as ended. What was approved ends when it is done: an approval that came to nothing,
    /// because everything was paused or the process was killed, leaves it held.
    pub fn compare<'a>(&mut self, world: &World, plan: &'a Plan, whole: bool) -> WithheldDiff<'a> {
        let (mut known, mut begun) = (0, Vec::new());
        for action in plan.actions.iter().filter(|action| is_remembered(action)) {
            let mut digests = Vec::new();
            for (part, key) in remembered(&action.change) {
                let key = (key, action.mode);
                if self.written.contains_key(&key) {
                    known += 1;
                    continue;
                }
                if action.is_due() && self.inherited.is_empty() {
                    continue;
                }
                let digest = part.digest(world, action.mode);
                let is_inherited =
                    self.inherited.contains(&digest) && Arc::make_mut(&mut self.inherited).remove(&digest);
                if is_inherited || !action.is_due() {
                    known += 1;
                    Arc::make_mut(&mut self.written).insert(key, digest);
                }
                if !is_inherited && !action.is_due() {
                    digests.push(digest);
                }
            }
            if !digests.is_empty() {
                begun.push(Begun { action, digests });
            }
        }
        let mut ended = Vec::new();
        if whole && known < self.written.len() {
            let there = PlanCoverage::of(world, plan);
            Arc::make_mut(&mut self.written).retain(|key, digest| {
                let stays = there.still(key);
                if !stays {
                    ended.push(*digest);
                }
                stays
            });
        }
        if whole && !self.inherited.is_empty() && plan.is_whole(world) {
            let in_the_way = unsaid(world, plan);
            Arc::make_mut(&mut self.inherited).retain(|digest| {
                let stays = in_the_way.as_ref().is_none_or(|digests| digests.contains(digest));
                if !stays {
                    ended.push(*digest);
                }
                stays
            });
        }
        WithheldDiff { begun, ended }
    }
}

/// Whether a plan's action is withheld, or may have been until somebody approved it.
fn is_remembered(action: &Action) -> bool {
    !action.is_due() || action.change.takes() > 0
}

impl Plan {
    /// Whether nothing is left out for want of a room, of the listing of accounts, or of a source.
    pub fn is_whole(&self, world: &World) -> bool {
        world.mirror.accounts_listed && self.idle_rooms.is_empty() && !self.waits_for_a_source()
    }

    /// Whether something that takes is left out until a source can be relied on.
    fn waits_for_a_source(&self) -> bool {
        self.blocked.iter().any(|one| {
            one.kind.takes()
                && matches!(
                    one.because,
                    Because::Frozen
                        | Because::AdminsFrozen
                        | Because::Unconfirmed
                        | Because::Obstacle(Obstacle::Frozen { .. } | Obstacle::DefaultFrozen { .. })
                )
        })
    }
}

/// What would be taken if nothing were in its way, and what might be, by digest: an obstacle, a fight or a class that only observes
/// ends nothing that was shown, nor do two subjects that fold to one user. `None` where levels are among what is in the way: the plan
/// does not say which.
fn unsaid(world: &World, plan: &Plan) -> Option<HashSet<Digest>> {
    let blocked = plan.blocked.iter().filter(|one| one.kind.takes());
    let blocked = blocked.map(|one| Some(Change::taking(one.kind, one.room, one.user)?.digest(world, Mode::Enforce)));
    let observed = plan.actions.iter().filter(|action| action.mode == Mode::Observe && action.change.takes() > 0);
    let undone = plan.fought_over.iter().chain(observed).flat_map(|action| remembered(&action.change));
    let undone: Vec<Digest> = undone.map(|(part, _)| part.digest(world, Mode::Enforce)).collect();
    blocked.chain(undone.into_iter().chain(of_folded(world)).map(Some)).collect()
}

/// All that might be taken from the users to which two subjects fold, while nothing is planned of them.
fn of_folded(world: &World) -> Vec<Digest> {
    let everywhere = |user: UserIx| {
        let lowered = PowerEdit { of: user.into(), before: None, after: None, lowers: true };
        let in_room = move |room: RoomIx| {
            let levels = Change::SetPowerLevels { room, edits: Box::new([lowered]) };
            Change::taking(Kind::Remove, Some(room), user).into_iter().chain([levels])
        };
        let of_server = Kind::ALL.into_iter().filter(|kind| !kind.is_of_a_room());
        let of_server = of_server.filter_map(move |kind| Change::taking(kind, None, user));
        world.rooms().flat_map(in_room).chain(of_server)
    };
    world.facts.all_folded().flat_map(everywhere).map(|change| change.digest(world, Mode::Enforce)).collect()
}

/// What a plan speaks of, and what it could not.
struct PlanCoverage<'a> {
    world: &'a World,
    planned: HashSet<Key>,
    blocked: HashSet<(Kind, Option<RoomIx>, Option<UserIx>)>,
    idle: HashSet<RoomIx>,
}

impl<'a> PlanCoverage<'a> {
    fn of(world: &'a World, plan: &Plan) -> Self {
        let planned = plan.actions.iter().filter(|action| is_remembered(action));
        let blocked = plan.blocked.iter().map(|one| (one.kind, one.room, Some(one.user)));
        let undone = plan.fought_over.iter().flat_map(|one| one.change.counted());
        let undone = undone.map(|key| (key.kind, key.room, key.user()));
        Self {
            world,
            planned: planned.flat_map(|action| remembered(&action.change).map(|(_, key)| (key, action.mode))).collect(),
            blocked: blocked.chain(undone).collect(),
            idle: plan.idle_rooms.iter().copied().collect(),
        }
    }

    /// Whether the part is planned still, or would be if what is in its way were not.
    fn still(&self, key: &Key) -> bool {
        let (kind, room, user) = (key.0.kind, key.0.room, key.0.user());
        self.planned.contains(key)
            || self.blocked.contains(&(kind, room, user))
            // What is in the way of all levels of a room is told of the bot.
            || self.blocked.contains(&(kind, room, Some(self.world.bot())))
            || room.map_or(!self.world.mirror.accounts_listed, |room| self.idle.contains(&room))
            // Nothing is planned of somebody while two subjects fold to them.
            || user.is_some_and(|user| self.world.facts.is_folded(user))
    }
}
