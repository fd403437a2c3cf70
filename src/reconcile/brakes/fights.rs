//! Fights: what is done and undone again and again within ten minutes is done ever more slowly, then not at all, and a
//! person is told who undoes it. What takes power that policy gives to nobody is told, too, and done each time. What was done
//! lately is in the ledger, so a restart does not begin the count anew.

mod recorded;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use chrono::Utc;
use provisioner_policy::{Change, ChangeKey, Fight, Kind, LevelOf, Plan, RoomIx, Subject, UserIx, World};

use crate::store::RecentAction;

/// Done so often within [`WINDOW`], a change is not done again when it is undone once more.
const MOST: usize = 5;
/// What is done more often than this within [`WINDOW`] waits before it is done again: two who disagree do not fill a room.
const AT_ONCE: usize = 2;
/// Left alone for so long, the fight is over.
pub(crate) const WINDOW: Duration = Duration::from_secs(600);
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// Of what takes power that policy gives to nobody, so many within [`WINDOW`] are done at once: as many as Synapse lets anybody
/// send who is not exempt from its limits. Beyond that it is done every [`PACE`].
const MOST_AT_ONCE: usize = 150;
const PACE: Duration = Duration::from_secs(5);

/// What was done lately, and how often.
#[derive(Debug, Default)]
pub(crate) struct Fights {
    done: HashMap<ChangeKey, VecDeque<Instant>>,
    /// What of it is planned now and takes power that policy gives to nobody: it never rests.
    lasting: HashSet<ChangeKey>,
    pub(crate) told: HashSet<ChangeKey>,
    pub(crate) read: bool,
    tidied: Option<Instant>,
}

impl Fights {
    /// Takes over what earlier processes did.
    pub(crate) fn inherit(&mut self, world: &mut World, lines: Vec<RecentAction>, now: Instant) {
        self.read = true;
        let mut lasts: HashMap<ChangeKey, bool> = HashMap::new();
        for line in lines {
            let Some(at) = now.checked_sub(Duration::from_secs_f64(line.seconds_ago.max(0.0))) else { continue };
            let parts = recorded::parts(world, &line);
            if line.withheld {
                self.told.extend(parts.into_iter().map(|part| part.key));
                continue;
            }
            self.forget_undone(world, parts.iter().map(|part| &part.key));
            for part in parts.into_iter().filter(|part| is_given_up(part.key.kind)) {
                self.done.entry(part.key.clone()).or_default().push_back(at);
                lasts.insert(part.key, part.lasts);
            }
        }
        for (key, lasts) in lasts {
            self.begin(world, key, lasts, now);
        }
    }

    /// Notes what is planned.
    pub(crate) fn note(&mut self, world: &World, plan: &Plan) {
        self.lasting.clear();
        if !self.done.is_empty() {
            let levels = world.rooms().flat_map(|room| plan.of(Some(room), Kind::SetPowerLevels));
            let restraining = levels.flat_map(|action| action.change.restraining());
            self.lasting.extend(restraining.filter(|key| self.done.contains_key(key)));
        }
    }

    /// A change was done.
    pub(crate) fn done(&mut self, world: &mut World, change: &Change, now: Instant) {
        if self.tidied.is_none_or(|tidied| now - tidied > WINDOW) {
            self.done.retain(|_, times| times.back().is_some_and(|last| now - *last < WINDOW));
            self.tidied = Some(now);
        }
        let restraining: HashSet<ChangeKey> = change.restraining().collect();
        let keys: Vec<ChangeKey> = change.counted().collect();
        self.forget_undone(world, keys.iter());
        for key in keys.into_iter().filter(|key| is_given_up(key.kind)) {
            let lasts = restraining.contains(&key);
            note_lowered(world, &key, lasts);
            self.count(key.clone(), now);
            self.begin(world, key, lasts, now);
        }
    }

    fn count(&mut self, key: ChangeKey, now: Instant) {
        let times = self.done.entry(key).or_default();
        times.retain(|at| now - *at < WINDOW);
        times.push_back(now);
    }

    /// What we undo ourselves, because a source says something else by now, nobody else has undone.
    fn forget_undone<'a>(&mut self, world: &mut World, keys: impl Iterator<Item = &'a ChangeKey>) {
        let mut undone = Vec::new();
        let mut levels: HashMap<(Option<RoomIx>, LevelOf), Option<i64>> = HashMap::new();
        for key in keys {
            undone.extend(key.undoes());
            if let Subject::Level(level, after) = key.subject {
                levels.insert((key.room, level), after);
            }
        }
        if !levels.is_empty() {
            let other = |known: &&ChangeKey| match known.subject {
                Subject::Level(level, to) => levels.get(&(known.room, level)).is_some_and(|after| *after != to),
                _ => false,
            };
            undone.extend(self.done.keys().filter(other).cloned());
        }
        for key in undone {
            if self.done.remove(&key).is_some() {
                self.told.remove(&key);
                world.end_fight(&key);
            }
        }
    }

    /// A fight begins where it was done often enough. What takes power that policy gives to nobody goes on; other changes are
    /// not planned from here on: undone once more, they stay so until they were left alone.
    fn begin(&mut self, world: &mut World, key: ChangeKey, lasts: bool, now: Instant) {
        let Some(times) = self.done.get(&key).map(VecDeque::len) else { return };
        // The first that lasts was undone by nobody.
        let undone = if lasts { times - 1 } else { times };
        let is_known = lasts && world.fights.get(&key).is_some_and(|fight| fight.again_at.is_none());
        if undone < MOST || is_known {
            return;
        }
        let again = self.until(&key).map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let again_at = (Utc::now() + again).format("%H:%M:%S UTC").to_string();
        let fight = Fight {
            times: u32::try_from(undone).unwrap_or(u32::MAX),
            window_minutes: WINDOW.as_secs() / 60,
            by: None,
            again_at: (!lasts).then_some(again_at),
        };
        world.begin_fight(key, fight);
    }

    /// Whether a change was undone once more since it stopped, so that a person was told.
    pub(crate) fn is_told(&self, key: &ChangeKey) -> bool {
        self.told.contains(key)
    }

    fn until(&self, key: &ChangeKey) -> Option<Instant> {
        self.done.get(key)?.back().map(|last| *last + WINDOW)
    }

    /// Ends the fights that were left alone for long enough.
    pub(crate) fn end(&mut self, world: &mut World, now: Instant) {
        let over = |key: &ChangeKey| self.until(key).is_none_or(|until| until <= now);
        let ended: Vec<ChangeKey> = world.fights.keys().filter(|key| over(key)).cloned().collect();
        let lowered = world.lowered().filter(|(room, user, to)| over(&ChangeKey::of_level(*room, *user, *to)));
        let lowered: Vec<(RoomIx, UserIx)> = lowered.map(|(room, user, _)| (room, user)).collect();
        lowered.into_iter().for_each(|(room, user)| world.set_lowered(room, user, None));
        for key in ended {
            world.end_fight(&key);
            self.done.remove(&key);
            self.told.remove(&key);
        }
    }

    /// Whether what is counted as this may be done again already.
    pub(crate) fn may(&self, key: &ChangeKey, now: Instant) -> bool {
        self.waits(key).is_none_or(|until| until <= now)
    }

    fn waits(&self, key: &ChangeKey) -> Option<Instant> {
        let times = self.done.get(key)?;
        if self.lasting.contains(key) {
            return Some(*times.back()? + PACE).filter(|_| times.len() >= MOST_AT_ONCE);
        }
        let waits = times.len().checked_sub(AT_ONCE + 1)?;
        Some(*times.back()? + FIRST_WAIT * (1 << waits.min(8)))
    }

    /// When something may be done again.
    pub(crate) fn next(&self, world: &World, now: Instant) -> Option<Instant> {
        let ends = world.fights.keys().filter_map(|key| self.until(key));
        let waits = self.done.keys().filter_map(|key| self.waits(key));
        ends.chain(waits).filter(|until| *until > now).min()
    }
}

/// Who is raised above this once more has that by another hand.
fn note_lowered(world: &mut World, key: &ChangeKey, lasts: bool) {
    if let (Some(room), Subject::Level(LevelOf::User(user), after)) = (key.room, &key.subject) {
        world.set_lowered(room, *user, lasts.then_some(*after));
    }
}

/// Who comes back is removed each time, see `returns`, and flags and accounts are taken each time.
fn is_given_up(kind: Kind) -> bool {
    !kind.takes() || kind == Kind::SetPowerLevels
}

#[cfg(test)]
mod tests;
