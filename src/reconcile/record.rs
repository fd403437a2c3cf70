//! What a plan leaves behind without being carried out: withheld lines in the ledger, gauges, and the report's counts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::{Context, Result};
use provisioner_policy::{Action, ChangeKey, Kind, Mode, Plan, RoomIx, Standing, World};

use super::executor::entry;
use super::report::PassReport;
use crate::store::{Entry, Line, Outcome, PassId, Store};

/// Ledger lines a statement. Postgres takes many more; this keeps one statement small.
const BATCH: usize = 1000;

type Key = (ChangeKey, Mode);

/// Withheld actions that have their line already: one a change, not one a pass.
#[derive(Debug, Default)]
pub(super) struct Record {
    written: HashSet<Key>,
}

/// A withheld action to be written.
pub(super) struct Withheld {
    entry: Entry,
    outcome: Outcome,
    detail: Option<String>,
}

impl Record {
    /// Lines for what is withheld now and was not before.
    pub(super) fn new_lines(&mut self, world: &World, plan: &Plan) -> Vec<Withheld> {
        let withheld = || plan.actions.iter().filter(|action| !action.is_due());
        let now: HashSet<Key> = withheld().map(key).collect();
        let lines = withheld().filter(|action| !self.written.contains(&key(action))).map(|action| {
            let outcome = if action.mode == Mode::Observe { Outcome::Observed } else { Outcome::Held };
            let detail = action.held.map(|hold| hold.text(world));
            Withheld { entry: entry(world, action, 0), outcome, detail }
        });
        let lines = lines.collect();
        self.written = now;
        lines
    }
}

fn key(action: &Action) -> Key {
    (action.change.key(), action.mode)
}

/// Writes withheld actions, and counts them.
pub(super) async fn write_withheld(
    store: &Store,
    pass: PassId,
    seq: &mut i32,
    mut withheld: Vec<Withheld>,
) -> Result<()> {
    for one in &mut withheld {
        one.entry.seq = *seq;
        *seq += 1;
        metrics::counter!(
            "provisioner_actions_total",
            "kind" => one.entry.kind, "mode" => one.entry.mode, "outcome" => one.outcome.as_str()
        )
        .increment(1);
    }
    for batch in withheld.chunks(BATCH) {
        let lines: Vec<Line<'_>> = batch
            .iter()
            .map(|one| Line { entry: &one.entry, outcome: one.outcome, detail: one.detail.clone() })
            .collect();
        store.append_ledger(pass, &lines).await.context("write withheld actions to the ledger")?;
    }
    Ok(())
}

/// What our metrics mean, for `/metrics`.
pub fn describe_metrics() {
    metrics::describe_counter!("provisioner_actions_total", "Actions attempted or withheld, by kind, mode and outcome");
    metrics::describe_gauge!("provisioner_drift", "Planned actions by kind and room: what is not as it should be");
    metrics::describe_gauge!("provisioner_members", "Joined members of a managed room");
    metrics::describe_counter!(
        "provisioner_passes_total",
        "Passes, by outcome: done, held by the guard in part, failed, paused"
    );
    metrics::describe_gauge!("provisioner_paused", "1 while somebody has paused every write");
    metrics::describe_histogram!("provisioner_pass_seconds", metrics::Unit::Seconds, "How long a pass took");
}

/// Sets the gauges `drift` and `members`.
pub(super) fn measure(world: &World, plan: &Plan) {
    let mut drift: HashMap<(Kind, Option<RoomIx>), usize> = HashMap::new();
    for change in plan.actions.iter().map(|action| &action.change) {
        *drift.entry((change.kind(), change.room())).or_default() += 1;
    }
    let drift = |kind, room| drift.get(&(kind, room)).copied().unwrap_or_default() as f64;
    for kind in Kind::ALL {
        if !kind.is_of_a_room() {
            metrics::gauge!("provisioner_drift", "kind" => kind.as_str(), "room" => "").set(drift(kind, None));
            continue;
        }
        for room in world.rooms() {
            metrics::gauge!("provisioner_drift", "kind" => kind.as_str(), "room" => room.key(world).to_owned())
                .set(drift(kind, Some(room)));
        }
    }
    for room in world.rooms().filter(|room| world.room(*room).standing == Standing::Ready) {
        metrics::gauge!("provisioner_members", "room" => room.key(world).to_owned())
            .set(f64::from(world.room(room).joined()));
    }
}

/// The counts of a plan, before anything is carried out.
pub(super) fn report(world: &World, plan: &Plan) -> PassReport {
    let mut reasons: BTreeMap<Option<RoomIx>, BTreeSet<String>> = BTreeMap::new();
    for action in plan.held() {
        if let Some(hold) = action.held {
            reasons.entry(action.change.room()).or_default().insert(hold.text(world));
        }
    }
    let unreadable = plan.idle_rooms.iter().filter_map(|room| match &world.room(*room).standing {
        Standing::Ready => None,
        Standing::Unread => Some(format!("room {} has not been read", room.key(world))),
        Standing::Unreadable(why) => Some(format!("room {}: {why}", room.key(world))),
    });
    PassReport {
        plan_id: plan.id(world),
        observed: plan.actions.iter().filter(|action| action.mode == Mode::Observe).count(),
        held: plan.held().count(),
        held_id: plan.held_id(world),
        held_because: reasons
            .into_iter()
            .flat_map(|(room, texts)| {
                texts.into_iter().map(move |text| match room {
                    Some(room) => format!("{}: {text}", room.key(world)),
                    None => text,
                })
            })
            .collect(),
        blocked: plan.blocked.len(),
        errors: unreadable.collect(),
        notices: plan.notices(world),
        ..PassReport::default()
    }
}
