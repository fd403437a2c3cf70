//! Quarrels: what is done and undone again and again within ten minutes is done ever more slowly, then not at all, and a
//! person is told who undoes it. What was done lately is in the ledger, so a restart does not begin the count anew.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::Utc;
use provisioner_policy::{Change, ChangeKey, Kind, Plan, Quarrel, RoomIx, Setting, World};
use serde_json::Value;
use tracing::error;

use super::culprit;
use super::executor::entry;
use super::reconciler::Reconciler;
use crate::store::{Entry, Lately, Line, Outcome, PassId, Store};

/// Done so often within [`WINDOW`], a change is not done again when it is undone once more.
const MOST: usize = 5;
/// The same for a level that was lost and not undone: whoever read before our write and wrote after it meant something else,
/// and so did Synapse where it had to choose between two events. By then it was done for more than a minute.
const MOST_LOST: usize = 8;
/// What is done more often than this within [`WINDOW`] waits before it is done again: two who disagree do not fill a room.
const AT_ONCE: usize = 2;
/// Left alone for so long, the quarrel is over.
pub(super) const WINDOW: Duration = Duration::from_secs(600);
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// What was done lately, and how often.
#[derive(Debug, Default)]
pub(super) struct Quarrels {
    done: HashMap<ChangeKey, VecDeque<Instant>>,
    /// Of the levels among them, when somebody else changed them and meant to.
    undone: HashMap<ChangeKey, VecDeque<Instant>>,
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
            for key in keys(world, kind, room, line.user_id.as_deref(), &line.after) {
                if line.withheld {
                    self.told.insert(key);
                } else {
                    self.done.entry(key).or_default().push_back(at);
                    // How it was undone is forgotten: in doubt it was meant.
                    self.undone.entry(key).or_default().push_back(at);
                }
            }
        }
        let often: Vec<ChangeKey> =
            self.done.iter().filter(|(_, times)| times.len() >= MOST).map(|(key, _)| *key).collect();
        often.into_iter().for_each(|key| self.begin(world, key, now));
    }

    /// A change was done.
    pub(super) fn done(&mut self, world: &mut World, change: &Change, now: Instant) {
        if self.tidied.is_none_or(|tidied| now - tidied > WINDOW) {
            self.done.retain(|_, times| times.back().is_some_and(|last| now - *last < WINDOW));
            self.undone.retain(|key, _| self.done.contains_key(key));
            self.tidied = Some(now);
        }
        for key in change.counted() {
            if self.count(key, now) >= self.most(&key, now) {
                self.begin(world, key, now);
            }
        }
        // What is restored of others' only slows down: whoever sets it back without meaning to has seen it in the end.
        for key in change.restored() {
            self.count(key, now);
        }
    }

    /// Somebody else changed these levels, and meant to.
    pub(super) fn undone(&mut self, changed: Vec<ChangeKey>, now: Instant) {
        for key in changed.into_iter().filter(|key| self.done.contains_key(key)) {
            self.undone.entry(key).or_default().push_back(now);
        }
    }

    /// How often a change may be done before it is left as it is.
    fn most(&self, key: &ChangeKey, now: Instant) -> usize {
        let lately = |times: &VecDeque<Instant>| times.iter().filter(|at| now - **at < WINDOW).count();
        let undone = self.undone.get(key).map_or(0, lately);
        if key.kind == Kind::SetPowerLevels && undone + 1 < MOST { MOST_LOST } else { MOST }
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
            self.undone.remove(&key);
            self.told.remove(&key);
        }
    }

    /// Whether a change may be done again already.
    pub(super) fn is_due(&self, change: &Change, now: Instant) -> bool {
        change.counted().iter().chain(&change.restored()).all(|key| self.may(key, now))
    }

    /// Leaves out of an event of levels what is not to be done again yet: the others in it do not wait. Says whether
    /// anything is left out.
    pub(super) fn narrow(&self, world: &World, plan: &mut Arc<Plan>, now: Instant) -> bool {
        let may = |key: &ChangeKey| self.may(key, now);
        let levels = world.rooms().flat_map(|room| plan.of(Some(room), Kind::SetPowerLevels));
        let mut due = levels.filter(|action| action.is_due()).map(|action| &action.change);
        if self.done.is_empty() || due.all(|change| change.counted().iter().chain(&change.restored()).all(may)) {
            return false;
        }
        let actions = &mut Arc::make_mut(plan).actions;
        let of_levels = actions.iter_mut().filter(|action| action.change.kind() == Kind::SetPowerLevels);
        for action in of_levels.filter(|action| action.is_due()) {
            if let (Some(now_due), _) = action.change.clone().part(may) {
                action.change = now_due;
            }
        }
        true
    }

    fn may(&self, key: &ChangeKey, now: Instant) -> bool {
        self.waits(key).is_none_or(|until| until <= now)
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

/// What a line of the ledger counts for. A line about a room itself names what it set, and no user.
fn keys(world: &mut World, kind: Kind, room: Option<RoomIx>, user: Option<&str>, after: &Value) -> Vec<ChangeKey> {
    match (kind, room) {
        (Kind::SetPowerLevels, Some(room)) => {
            let levels = after.as_object().into_iter().flatten().filter(|(mxid, _)| mxid.starts_with('@'));
            levels.map(|(mxid, level)| ChangeKey::of_level(room, world.intern(mxid), level.as_i64())).collect()
        }
        (Kind::SetRoomState, Some(room)) => {
            let set = |setting: Setting, after: &str| Change::SetRoomState {
                room,
                setting,
                before: None,
                after: after.to_owned(),
            };
            let settings = &world.policy.rooms[room.index()].settings;
            let wanted = Setting::ALL.into_iter().filter_map(|one| Some((one, one.wanted(settings)?)));
            wanted.filter(|(_, wanted)| after == wanted).map(|(setting, wanted)| set(setting, wanted).key()).collect()
        }
        _ => user.map(|user| ChangeKey { kind, room, user: Some(world.intern(user)), detail: 0 }).into_iter().collect(),
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
        let mut stopped = Vec::new();
        for action in &plan.undone {
            let Some(key) = action.change.counted().into_iter().next() else { continue };
            if !self.quarrels.told.insert(key) {
                continue;
            }
            self.name_culprit(&key).await?;
            let Some(quarrel) = self.world.quarrels.get(&key) else { continue };
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
    use provisioner_policy::{
        Mode, Modes, OnServer, POWER_LEVELS, PowerEdit, PowerGrant, Recent, Selector, Standing, StateEvent, plan,
    };
    use serde_json::json;

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
        assert_eq!(world.quarrel(&change).map(|quarrel| quarrel.times), Some(5));

        let mut again = Quarrels::default();
        world.end_quarrel(&change.key());
        let lines = (0..5).map(|time| line(300.0 - f64::from(time), false)).chain([line(290.0, true)]);
        again.inherit(&mut world, lines.collect(), now);
        assert!(world.quarrel(&change).is_some() && again.told.contains(&change.key()));
        let left = again.next(&world, now).unwrap() - now;
        assert!((left.as_secs_f64() - 304.0).abs() < 1.0, "{left:?}");
    }

    /// A room with a name and a grant, in which one person has a level by hand.
    fn room_with_levels() -> (World, RoomIx) {
        let (world, _) = small_world_in(Modes::default());
        let mut policy = world.policy.clone();
        let lead = Selector::Subject("lead".to_owned());
        policy.modes = Modes { power_levels: Mode::Enforce, room_state: Mode::Enforce, ..Modes::default() };
        policy.rooms[0].power = vec![PowerGrant { level: 50, grant: vec![lead.clone()] }];
        policy.rooms[0].members = vec![lead];
        policy.rooms[0].settings.name = Some("Staff".to_owned());
        let mut world = World::new(policy);
        let room = world.rooms().next().unwrap();
        world.set_standing(room, Standing::Ready);
        let content = json!({"users": {"@bot:a": 100, "@hand:a": 60}});
        let state = StateEvent { content, sender: "@admin:a".to_owned(), event_id: "$e".to_owned() };
        world.set_state(room, POWER_LEVELS, state);
        (world, room)
    }

    #[test]
    fn a_level_is_counted_by_itself_whatever_else_its_event_changes() {
        let ((mut world, room), now) = (room_with_levels(), Instant::now());
        let mut quarrels = Quarrels::default();
        let hand = world.users.get("@hand:a").unwrap();
        let edit = |user, after| PowerEdit { user, before: 60, after, lowers: after.is_none() };
        let key = ChangeKey::of_level(room, hand, None);
        for other in 0..5 {
            quarrels.undone(vec![key], now);
            assert!(world.quarrels.is_empty());
            let somebody = world.intern(&format!("@somebody{other}:a"));
            let edits = [edit(hand, None), edit(somebody, Some(50))].into();
            quarrels.done(&mut world, &Change::SetPowerLevels { room, edits, restores: Box::default() }, now);
        }
        assert_eq!(world.quarrels.keys().collect::<Vec<_>>(), [&key]);
        let plan = plan(&world, &Recent::default());
        assert_eq!(plan.undone.iter().map(|action| action.change.counted()).collect::<Vec<_>>(), [[key]]);
    }

    #[test]
    fn a_level_that_is_lost_and_not_undone_is_set_for_longer() {
        let ((mut world, room), now) = (room_with_levels(), Instant::now());
        let mut quarrels = Quarrels::default();
        let hand = world.users.get("@hand:a").unwrap();
        let edits = [PowerEdit { user: hand, before: 60, after: None, lowers: true }];
        let change = Change::SetPowerLevels { room, edits: edits.into(), restores: Box::default() };
        for _ in 1..MOST_LOST {
            quarrels.done(&mut world, &change, now);
            assert!(world.quarrels.is_empty());
        }
        quarrels.done(&mut world, &change, now);
        assert_eq!(world.quarrels.len(), 1);
    }

    #[test]
    fn a_level_that_waits_keeps_no_other_waiting() {
        let ((mut world, room), now) = (room_with_levels(), Instant::now());
        let mut quarrels = Quarrels::default();
        let hand = world.users.get("@hand:a").unwrap();
        let edits = [PowerEdit { user: hand, before: 60, after: None, lowers: true }];
        let change = Change::SetPowerLevels { room, edits: edits.into(), restores: Box::default() };
        (0..3).for_each(|_| quarrels.done(&mut world, &change, now));
        let users = |now: Instant| -> Vec<String> {
            let mut plan = Arc::new(plan(&world, &Recent::default()));
            quarrels.narrow(&world, &mut plan, now);
            let due = plan.due().filter(|action| quarrels.is_due(&action.change, now));
            let keys = due.flat_map(|action| action.change.counted());
            keys.filter_map(|key| Some(world.users.mxid(key.user?))).collect()
        };
        assert_eq!(users(now), ["@lead:a"]);
        assert_eq!(users(now + second() * 2), ["@hand:a", "@lead:a"]);
    }

    #[test]
    fn levels_and_settings_are_counted_on_over_a_restart() {
        let ((mut world, room), now) = (room_with_levels(), Instant::now() + WINDOW);
        let line = |kind: &str, after: Value, withheld| Lately {
            kind: kind.into(),
            room_id: Some("!r:a".into()),
            user_id: None,
            after,
            seconds_ago: 100.0,
            withheld,
        };
        let levels = || json!({"@hand:a": null, "@lead:a": 50, "events.org.example.x": 7});
        let settings = (0..5).map(|_| line("set_room_state", json!("Staff"), false));
        let lines = settings.chain([line("set_room_state", json!("Staff"), true)]);
        let lines = lines.chain((0..4).map(|_| line("set_power_levels", levels(), false)));
        let mut quarrels = Quarrels::default();
        quarrels.inherit(&mut world, lines.collect(), now);
        let name = Change::SetRoomState { room, setting: Setting::Name, before: None, after: "Staff".into() }.key();
        assert_eq!(world.quarrels.keys().collect::<Vec<_>>(), [&name]);
        assert!(quarrels.is_told(&name), "a person was told");
        let hand = world.users.get("@hand:a").unwrap();
        assert_eq!(quarrels.done[&ChangeKey::of_level(room, hand, None)].len(), 4);
    }
}
