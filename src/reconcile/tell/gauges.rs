//! What a plan leaves behind without being carried out: gauges, and the report's counts.

use provisioner_policy::{Action, Fight, Kind, Mode, Plan, Policy, RoomStatus, World};

use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::report::PassReport;

/// What our metrics mean, for `/metrics`.
pub fn describe_metrics() {
    metrics::describe_counter!("provisioner_actions_total", "Actions attempted or withheld, by kind, mode and outcome");
    metrics::describe_gauge!("provisioner_drift", "Planned actions by kind and room that the guard lets go");
    metrics::describe_gauge!("provisioner_members", "Joined members of a managed room");
    metrics::describe_counter!(
        "provisioner_passes_total",
        "Passes, by outcome: done, held by the guard in part, failed, paused"
    );
    metrics::describe_gauge!("provisioner_leads", "1 on the replica that reconciles; the other gauges are its");
    metrics::describe_gauge!("provisioner_held_plans", "Held plans that wait for somebody to decide: 0 or 1");
    metrics::describe_gauge!("provisioner_paused", "1 while somebody has paused every write");
    metrics::describe_histogram!("provisioner_pass_seconds", metrics::Unit::Seconds, "How long a pass took");
}

/// The gauges of the replica that leads: at 0 again when it no longer does, or another's numbers would stand beside them.
#[derive(Debug)]
pub struct LeadGauges {
    rooms: Vec<String>,
}

impl LeadGauges {
    /// This replica leads until the value is dropped.
    pub fn begin(policy: &Policy) -> Self {
        metrics::gauge!("provisioner_leads").set(1.0);
        Self { rooms: policy.rooms.iter().map(|room| room.key.clone()).collect() }
    }
}

impl Drop for LeadGauges {
    fn drop(&mut self) {
        metrics::gauge!("provisioner_leads").set(0.0);
        metrics::gauge!("provisioner_held_plans").set(0.0);
        metrics::gauge!("provisioner_paused").set(0.0);
        for kind in Kind::ALL {
            let rooms = if kind.is_of_a_room() { &self.rooms[..] } else { &[String::new()] };
            for room in rooms {
                metrics::gauge!("provisioner_drift", "kind" => kind.as_str(), "room" => room.clone()).set(0.0);
            }
        }
        for room in &self.rooms {
            metrics::gauge!("provisioner_members", "room" => room.clone()).set(0.0);
        }
    }
}

/// Sets the gauges `drift` and `members`. What is held is no drift: it waits for somebody's word, also after a no, and would
/// be due for ever.
pub(crate) fn measure(world: &World, plan: &Plan) {
    let undone = |kind, room| {
        let undone = plan.fought_over.iter().map(|action| &action.change);
        undone.filter(|change| (change.kind(), change.room()) == (kind, room)).count()
    };
    let planned = |kind, room| plan.of(room, kind).iter().filter(|action| !action.is_held()).count();
    let drift = |kind, room| (planned(kind, room) + undone(kind, room)) as f64;
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
    for room in world.rooms().filter(|room| world.room(*room).status == RoomStatus::Ready) {
        metrics::gauge!("provisioner_members", "room" => room.key(world).to_owned())
            .set(f64::from(world.room(room).joined()));
    }
}

impl Reconciler {
    /// What could not be read for the plan, so that there may be more to do than it says.
    pub(crate) fn unread(&self, plan: &Plan) -> Vec<String> {
        let trouble = self.trouble.roster.iter().chain(&self.trouble.homeserver).cloned();
        trouble.chain(unread_rooms(self.world(), plan)).collect()
    }
}

fn unread_rooms(world: &World, plan: &Plan) -> impl Iterator<Item = String> {
    plan.idle_rooms.iter().filter_map(move |room| match &world.room(*room).status {
        RoomStatus::Ready => None,
        RoomStatus::Unread => Some(format!("room {} has not been read", room.key(world))),
        RoomStatus::Unreadable(why) => Some(format!("room {}: {why}", room.key(world))),
    })
}

/// The counts of a plan, before anything is carried out.
pub(crate) fn report(world: &World, plan: &Plan) -> PassReport {
    let held = plan.held_part(world);
    let observed = plan.actions.iter().filter(|action| action.mode == Mode::Observe);
    let undone = plan.fought_over.iter().map(|action| {
        let change = &action.change;
        let about = change.counted().next().and_then(|key| world.subject_of(&key));
        let words: Vec<String> =
            change.room().map(|room| room.key(world).to_owned()).into_iter().chain(about).collect();
        let why = world.fight(change).map(Fight::text).unwrap_or_default();
        format!("{} {}: {why}", change.kind().as_str(), words.join(" "))
    });
    PassReport {
        plan_id: plan.id(world),
        observed: observed.map(Action::part_count).sum(),
        held: plan.held().map(Action::part_count).sum(),
        held_id: held.as_ref().map(|part| part.id.clone()),
        held_because: held.map(|part| part.reasons).unwrap_or_default(),
        blocked: plan.blocked.len() + plan.fought_over.len(),
        errors: unread_rooms(world, plan).collect(),
        notices: plan.notices(world).into_iter().chain(undone).collect(),
        ..PassReport::default()
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use provisioner_policy::{
        GuardLimits, Membership, Modes, OnServer, POWER_LEVELS, Recent, RoomPolicy, RosterRow, Selector, StateEntry,
        plan, read_roster,
    };
    use serde_json::json;

    use super::*;

    /// What the gauge says of removals where two people have no row any more, and the guard lets nobody go unasked.
    fn removals_shown(removals: Mode) -> String {
        let mut world = World::new(Policy {
            server_name: "a".into(),
            bot: "@bot:a".into(),
            rooms: vec![RoomPolicy::new("staff", "!staff:a", vec![Selector::Team("staff".into())])],
            modes: Modes { removals, ..Modes::default() },
            guard: GuardLimits { free_removals: 0, max_removals: 0, max_fraction: 0.0, window_seconds: 60 },
            ..Policy::default()
        });
        let room = world.rooms().next().expect("the one room");
        let row = RosterRow { subject: Some("lead".into()), team: Some("staff".into()), role: None };
        world.set_roster(read_roster([row], "a", "@bot:a"));
        world.set_room_status(room, RoomStatus::Ready);
        let levels = json!({"users": {"@bot:a": 100}});
        let event = StateEntry { content: levels, sender: "@x:a".into(), event_id: "$e".into() };
        world.set_state(room, POWER_LEVELS, event);
        for mxid in ["@lead:a", "@one:a", "@two:a"] {
            world.set_on_server(mxid, OnServer { present: true, ..OnServer::default() });
            world.set_membership(room, mxid, Membership::Join, None);
        }
        world.set_accounts_listed(true);
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || measure(&world, &plan(&world, &Recent::default())));
        let shown = recorder.handle().render();
        let of_removals = r#"provisioner_drift{kind="remove",room="staff"} "#;
        shown.lines().find_map(|line| line.strip_prefix(of_removals)).expect("every kind is shown").to_owned()
    }

    #[test]
    fn what_is_held_is_no_drift_and_what_is_observed_is() {
        assert_eq!(removals_shown(Mode::Enforce), "0");
        assert_eq!(removals_shown(Mode::Observe), "2");
    }
}
