//! Quarrels: what is done and undone again and again within ten minutes is done ever more slowly, then not at all, and a
//! person is told who undoes it. What was done lately is in the ledger, so a restart does not begin the count anew.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::Utc;
use provisioner_policy::{Change, ChangeKey, Kind, Plan, Quarrel, RoomIx, World};
use serde_json::Value;
use tracing::error;

use super::culprit;
use super::executor::entry;
use super::reconciler::Reconciler;
use crate::store::{Entry, Lately, Line, Outcome, PassId, Store};

/// Done so often within [`WINDOW`], a change is not done again when it is undone once more.
const MOST: usize = 5;
/// What is done more often than this within [`WINDOW`] waits before it is done again: two who disagree do not fill a room.
const AT_ONCE: usize = 2;
/// Left alone for so long, the quarrel is over.
pub(super) const WINDOW: Duration = Duration::from_secs(600);
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// What was done lately, and how often.
#[derive(Debug, Default)]
pub(super) struct Quarrels {
    done: HashMap<ChangeKey, VecDeque<Instant>>,
    /// Done before this process began, of changes that only a plan can name: those of a room itself.
    inherited: Vec<(Kind, RoomIx, Value, Instant)>,
    told: HashSet<ChangeKey>,
    read: bool,
    tidied: Option<Instant>,
}

/// A change that is no longer repeated, to be written to the ledger.
pub(super) struct Stopped {
    entry: Entry,
    detail: String,
}

impl Quarrels {
    /// Takes over what earlier processes did.
    fn inherit(&mut self, world: &mut World, lines: Vec<Lately>, now: Instant) {
        self.read = true;
        for line in lines {
            let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == line.kind) else { continue };
            let Some(at) = now.checked_sub(Duration::from_secs_f64(line.seconds_ago.max(0.0))) else { continue };
            let room = match line.room_id {
                None => None,
                Some(id) => match world.room_by_id(&id) {
                    None => continue,
                    room => room,
                },
            };
            match (line.user_id, room) {
                (Some(user), room) => {
                    let key = ChangeKey { kind, room, user: Some(world.intern(&user)), detail: 0 };
                    if line.withheld {
                        self.told.insert(key);
                    } else {
                        self.done.entry(key).or_default().push_back(at);
                    }
                }
                (None, Some(room)) if !line.withheld => self.inherited.push((kind, room, line.after, at)),
                (None, _) => {}
            }
        }
        let often: Vec<ChangeKey> =
            self.done.iter().filter(|(_, times)| times.len() >= MOST).map(|(key, _)| *key).collect();
        often.into_iter().for_each(|key| self.begin(world, key, now));
    }

    /// Gives what was inherited to the changes of rooms that `plan` names.
    fn claim(&mut self, world: &World, plan: &Plan) {
        if self.inherited.is_empty() {
            return;
        }
        let of_rooms = plan.actions.iter().map(|action| &action.change).filter(|change| change.user().is_none());
        for change in of_rooms {
            let after = change.before_and_after(world).1;
            let (mine, others) = std::mem::take(&mut self.inherited).into_iter().partition(|(kind, room, what, _)| {
                (*kind, Some(*room), what) == (change.kind(), change.room(), &after)
            });
            let mine: Vec<(Kind, RoomIx, Value, Instant)> = mine;
            self.inherited = others;
            self.done.entry(change.key()).or_default().extend(mine.into_iter().map(|(.., at)| at));
        }
    }

    /// A change was done.
    pub(super) fn done(&mut self, world: &mut World, change: &Change, now: Instant) {
        if self.tidied.is_none_or(|tidied| now - tidied > WINDOW) {
            self.done.retain(|_, times| times.back().is_some_and(|last| now - *last < WINDOW));
            self.tidied = Some(now);
        }
        let key = change.key();
        let times = self.done.entry(key).or_default();
        times.retain(|at| now - *at < WINDOW);
        times.push_back(now);
        if times.len() >= MOST {
            self.begin(world, key, now);
        }
    }

    /// From here on the change is not planned: if it is undone once more, it stays so until it was left alone.
    fn begin(&mut self, world: &mut World, key: ChangeKey, now: Instant) {
        let Some(times) = self.done.get(&key) else { return };
        let again = self.until(&key).map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let quarrel = Quarrel {
            times: u32::try_from(times.len()).unwrap_or(u32::MAX),
            window_minutes: WINDOW.as_secs() / 60,
            by: None,
            again_at: (Utc::now() + again).format("%H:%M:%S UTC").to_string(),
        };
        world.begin_quarrel(key, quarrel);
    }

    /// Whether a change was undone once more since it stopped, so that a person was told.
    pub(super) fn is_told(&self, key: &ChangeKey) -> bool {
        self.told.contains(key)
    }

    fn until(&self, key: &ChangeKey) -> Option<Instant> {
        self.done.get(key)?.back().map(|last| *last + WINDOW)
    }

    /// Ends the quarrels that were left alone for long enough.
    pub(super) fn end(&mut self, world: &mut World, now: Instant) {
        let over = |key: &ChangeKey| self.until(key).is_none_or(|until| until <= now);
        let ended: Vec<ChangeKey> = world.quarrels.keys().copied().filter(over).collect();
        for key in ended {
            world.end_quarrel(&key);
            self.done.remove(&key);
            self.told.remove(&key);
        }
    }

    /// Whether a change may be done again already.
    pub(super) fn is_due(&self, change: &Change, now: Instant) -> bool {
        self.waits(&change.key()).is_none_or(|until| until <= now)
    }

    fn waits(&self, key: &ChangeKey) -> Option<Instant> {
        let times = self.done.get(key)?;
        let waits = times.len().checked_sub(AT_ONCE + 1)?;
        Some(*times.back()? + FIRST_WAIT * (1 << waits.min(8)))
    }

    /// When something may be done again.
    pub(super) fn next(&self, world: &World, now: Instant) -> Option<Instant> {
        let ends = world.quarrels.keys().filter_map(|key| self.until(key));
        let waits = self.done.keys().filter_map(|key| self.waits(key));
        ends.chain(waits).filter(|until| *until > now).min()
    }
}

impl Reconciler {
    /// Learns once what was done lately, and what is no longer repeated.
    pub(super) async fn read_quarrels(&mut self) -> Result<()> {
        if self.quarrels.read {
            return Ok(());
        }
        let lines = self.store.done_lately(WINDOW.as_secs_f64()).await.context("read what was done lately")?;
        self.quarrels.inherit(&mut self.world, lines, Instant::now());
        let keys: Vec<ChangeKey> = self.world.quarrels.keys().copied().collect();
        for key in keys {
            self.name_culprit(&key).await?;
        }
        Ok(())
    }

    /// What became a quarrel since the last pass: a person must act. Answers with the lines for the ledger.
    pub(super) async fn stopped(&mut self, plan: &Plan) -> Result<Vec<Stopped>> {
        self.quarrels.claim(&self.world, plan);
        let mut stopped = Vec::new();
        for action in &plan.undone {
            let key = action.change.key();
            if !self.quarrels.told.insert(key) {
                continue;
            }
            self.name_culprit(&key).await?;
            let Some(quarrel) = self.world.quarrel(&key) else { continue };
            let (detail, entry) = (quarrel.text(), entry(&self.world, action, 0));
            error!(
                user.id = entry.user_id,
                room.key = entry.room_key,
                sender = quarrel.by,
                "{} is no longer repeated: {detail}",
                entry.kind
            );
            stopped.push(Stopped { entry: Entry { taken: 0, ..entry }, detail });
        }
        Ok(stopped)
    }

    async fn name_culprit(&mut self, key: &ChangeKey) -> Result<()> {
        let by = culprit::find(&self.store, &self.world, key).await?;
        self.world.name_culprit(key, by);
        Ok(())
    }
}

/// Writes what is no longer repeated, and counts it.
pub(super) async fn write(store: &Store, pass: PassId, seq: &mut i32, mut stopped: Vec<Stopped>) -> Result<()> {
    for one in &mut stopped {
        one.entry.seq = *seq;
        *seq += 1;
        metrics::counter!(
            "provisioner_actions_total",
            "kind" => one.entry.kind, "mode" => one.entry.mode, "outcome" => Outcome::Held.as_str()
        )
        .increment(1);
    }
    let lines: Vec<Line<'_>> = stopped
        .iter()
        .map(|one| Line { entry: &one.entry, outcome: Outcome::Held, detail: Some(one.detail.clone()) })
        .collect();
    store.append_ledger(pass, &lines).await.context("write what is no longer repeated to the ledger")
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{Mode, Modes, OnServer, Recent, plan};

    use super::*;
    use crate::reconcile::feed::tests::world_in as small_world_in;

    /// A world in which one person is to be joined.
    fn world() -> (World, Change) {
        let (mut world, room) = small_world_in(Modes { joins: Mode::Enforce, ..Modes::default() });
        world.set_accounts_listed(true);
        world.set_on_server("@u:a", OnServer { present: true, ..OnServer::default() });
        world.set_account("@u:a", provisioner_policy::Account::Active, None, false);
        let user = world.intern("@u:a");
        let change = Change::Join { room, user, before: provisioner_policy::Membership::None };
        (world, change)
    }

    fn second() -> Duration {
        Duration::from_secs(1)
    }

    #[test]
    fn what_keeps_being_undone_slows_down_stops_and_begins_again_when_left_alone() {
        let ((mut world, change), start) = (world(), Instant::now());
        let mut quarrels = Quarrels::default();
        let mut now = start;
        for (time, wait) in [0, 0, 2, 4].into_iter().enumerate() {
            quarrels.done(&mut world, &change, now);
            assert_eq!(
                quarrels.is_due(&change, now),
                wait == 0,
                "{time}: an accident is mended at once, and once more"
            );
            now += second() * wait;
            assert!(quarrels.is_due(&change, now));
            assert_eq!(plan(&world, &Recent::default()).due().count(), 1);
        }
        quarrels.done(&mut world, &change, now);
        let stopped = plan(&world, &Recent::default());
        assert_eq!((stopped.actions.len(), stopped.undone.len()), (0, 1));
        let view = stopped.view(&world);
        assert!(view.blocked[0].because.starts_with("undone 5 times in 10 minutes by somebody"), "{view:?}");
        let user = world.users.get("@u:a").unwrap();
        assert!(world.explain(user).rooms[0].because.starts_with("undone 5 times"));
        let over = now + WINDOW;
        assert_eq!(quarrels.next(&world, now + second() * 60), Some(over));
        quarrels.end(&mut world, over - second());
        assert_eq!(plan(&world, &Recent::default()).due().count(), 0);
        quarrels.end(&mut world, over);
        assert_eq!(plan(&world, &Recent::default()).due().count(), 1);
        assert!(quarrels.is_due(&change, over), "it begins afresh");
    }

    #[test]
    fn the_same_change_now_and_then_is_no_quarrel() {
        let ((mut world, change), start) = (world(), Instant::now());
        let mut quarrels = Quarrels::default();
        for time in 0..20 {
            quarrels.done(&mut world, &change, start + second() * 200 * time);
        }
        assert!(world.quarrels.is_empty());
    }

    #[test]
    fn a_restart_does_not_begin_the_count_anew() {
        let (mut world, change) = world();
        let line = |seconds_ago: f64, withheld| Lately {
            kind: "join".into(),
            room_id: Some("!r:a".into()),
            user_id: Some("@u:a".into()),
            after: Value::from("join"),
            seconds_ago,
            withheld,
        };
        let now = Instant::now() + WINDOW;
        let mut quarrels = Quarrels::default();
        quarrels.inherit(&mut world, (0..4).map(|time| line(500.0 - f64::from(time), false)).collect(), now);
        assert!(world.quarrels.is_empty());
        quarrels.done(&mut world, &change, now);
        assert_eq!(world.quarrel(&change.key()).map(|quarrel| quarrel.times), Some(5));

        let mut again = Quarrels::default();
        world.end_quarrel(&change.key());
        let lines = (0..5).map(|time| line(300.0 - f64::from(time), false)).chain([line(290.0, true)]);
        again.inherit(&mut world, lines.collect(), now);
        assert!(world.quarrel(&change.key()).is_some() && again.told.contains(&change.key()));
        let left = again.next(&world, now).unwrap() - now;
        assert!((left.as_secs_f64() - 304.0).abs() < 1.0, "{left:?}");
    }
}
