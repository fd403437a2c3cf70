//! Fights: what is done and undone again and again within ten minutes is done ever more slowly, then not at all, and a
//! person is told who undoes it. What was done lately is in the ledger, so a restart does not begin the count anew.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use chrono::Utc;
use provisioner_policy::{Change, ChangeKey, Fight, Kind, RoomIx, Setting, Subject, World};
use serde_json::Value;

use crate::store::RecentAction;

/// Done so often within [`WINDOW`], a change is not done again when it is undone once more.
const MOST: usize = 5;
/// What is done more often than this within [`WINDOW`] waits before it is done again: two who disagree do not fill a room.
const AT_ONCE: usize = 2;
/// Left alone for so long, the fight is over.
pub(crate) const WINDOW: Duration = Duration::from_secs(600);
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// What was done lately, and how often.
#[derive(Debug, Default)]
pub(crate) struct Fights {
    done: HashMap<ChangeKey, VecDeque<Instant>>,
    pub(crate) told: HashSet<ChangeKey>,
    pub(crate) read: bool,
    tidied: Option<Instant>,
}

impl Fights {
    /// Takes over what earlier processes did.
    pub(crate) fn inherit(&mut self, world: &mut World, lines: Vec<RecentAction>, now: Instant) {
        self.read = true;
        for line in lines {
            let Some(kind) = line.kind.parse().ok().filter(|kind| is_given_up(*kind)) else { continue };
            let Some(at) = now.checked_sub(Duration::from_secs_f64(line.seconds_ago.max(0.0))) else { continue };
            let room = match line.room_id {
                None => None,
                Some(id) => match world.room_by_id(&id) {
                    None => continue,
                    room => room,
                },
            };
            for key in keys(world, kind, room, line.user_id.as_deref(), &line.after) {
                if line.withheld {
                    self.told.insert(key);
                } else {
                    self.done.entry(key).or_default().push_back(at);
                }
            }
        }
        let often: Vec<ChangeKey> =
            self.done.iter().filter(|(_, times)| times.len() >= MOST).map(|(key, _)| key.clone()).collect();
        often.into_iter().for_each(|key| self.begin(world, key, now));
    }

    /// A change was done.
    pub(crate) fn done(&mut self, world: &mut World, change: &Change, now: Instant) {
        if self.tidied.is_none_or(|tidied| now - tidied > WINDOW) {
            self.done.retain(|_, times| times.back().is_some_and(|last| now - *last < WINDOW));
            self.tidied = Some(now);
        }
        for key in change.counted().filter(|key| is_given_up(key.kind)) {
            if self.count(key.clone(), now) >= MOST {
                self.begin(world, key, now);
            }
        }
    }

    fn count(&mut self, key: ChangeKey, now: Instant) -> usize {
        let times = self.done.entry(key).or_default();
        times.retain(|at| now - *at < WINDOW);
        times.push_back(now);
        times.len()
    }

    /// From here on the change is not planned: if it is undone once more, it stays so until it was left alone.
    fn begin(&mut self, world: &mut World, key: ChangeKey, now: Instant) {
        let Some(times) = self.done.get(&key) else { return };
        let again = self.until(&key).map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let fight = Fight {
            times: u32::try_from(times.len()).unwrap_or(u32::MAX),
            window_minutes: WINDOW.as_secs() / 60,
            by: None,
            again_at: (Utc::now() + again).format("%H:%M:%S UTC").to_string(),
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

/// What takes access away is never given up: who comes back is removed each time, see `returns`. A level is, because
/// an event of levels is everybody's.
fn is_given_up(kind: Kind) -> bool {
    !kind.takes() || kind == Kind::SetPowerLevels
}

/// What a line of the ledger counts for. A line about a room itself names what it set, and no user.
fn keys(world: &mut World, kind: Kind, room: Option<RoomIx>, user: Option<&str>, after: &Value) -> Vec<ChangeKey> {
    match (kind, room) {
        (Kind::SetPowerLevels, Some(room)) => {
            let levels = after.as_object().into_iter().flatten();
            let key = |(name, level): (&String, &Value)| {
                Some(ChangeKey::of_level(room, world.level_by_name(room, name)?, level.as_i64()))
            };
            levels.filter_map(key).collect()
        }
        (Kind::SetRoomState, Some(room)) => {
            let settings = &world.policy.rooms[room.index()].settings;
            let is_set = |setting: &Setting| setting.wanted(settings).is_some_and(|wanted| after == wanted);
            let set = Setting::ALL.into_iter().filter(is_set).map(Subject::Setting);
            set.map(|subject| ChangeKey { kind, room: Some(room), subject }).collect()
        }
        _ => {
            let subject = user.map(|user| Subject::User(world.intern(user)));
            subject.map(|subject| ChangeKey { kind, room, subject }).into_iter().collect()
        }
    }
}

#[cfg(test)]
mod tests;
