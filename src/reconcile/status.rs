//! The status snapshot: what everybody may see of the service at any time, without asking it.

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::report::PassReport;
use crate::reconcile::tell::conditions::Conditions;
use crate::reconcile::tell::events_health::EventsHealth;
use crate::reconcile::tell::queue_health::QueueHealth;

/// What everybody may see.
#[derive(Clone, Debug, Default)]
pub struct StatusSnapshot {
    /// When the last pass ended, and what came of it.
    pub last_pass: Option<(DateTime<Utc>, PassReport)>,
    /// When all rooms were last read again.
    pub last_resync: Option<DateTime<Utc>>,
    /// How the queue fares, where one is read.
    pub queue: Option<QueueHealth>,
    /// How publishing events fares, where they are published.
    pub events: Option<EventsHealth>,
    /// What the guard holds, as of the newest plan; nothing before there was one.
    pub held: Option<HeldNow>,
    /// What lasted then; nothing until Synapse has answered.
    pub conditions: Option<Conditions>,
}

/// What the guard holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldNow {
    /// The held part's id, where something is held.
    pub id: Option<String>,
    /// How many changes of it wait for somebody's word: none after a no.
    pub waiting: usize,
    /// Something could not be read: what is held may only seem to change.
    pub in_trouble: bool,
}

impl StatusSnapshot {
    /// Everything that lasts, that of queue and events too; nothing until Synapse has answered.
    pub fn all_conditions(&self) -> Option<Conditions> {
        let mut all = self.conditions.clone()?;
        let Conditions { lasting, unknown } = self.conditions_beside();
        all.lasting.extend(lasting);
        all.unknown.extend(unknown);
        Some(all)
    }

    /// What lasts of queue and events. The reconciler knows of neither.
    pub fn conditions_beside(&self) -> Conditions {
        let of_queue = self.queue.as_ref().map(QueueHealth::conditions);
        let of_events = self.events.as_ref().map(EventsHealth::conditions);
        let mut beside = Conditions::default();
        for Conditions { lasting, unknown } in of_queue.into_iter().chain(of_events) {
            beside.lasting.extend(lasting);
            beside.unknown.extend(unknown);
        }
        beside
    }
}

/// Publishes snapshots. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct StatusPublisher(watch::Sender<StatusSnapshot>);

impl StatusPublisher {
    /// Told of every new snapshot.
    pub fn subscribe(&self) -> watch::Receiver<StatusSnapshot> {
        self.0.subscribe()
    }

    /// A pass has ended.
    pub(crate) fn pass_ended(&self, reconciler: &Reconciler, report: &PassReport) {
        self.0.send_modify(|snapshot| snapshot.last_pass = Some((Utc::now(), report.clone())));
        self.beat(reconciler, report);
    }

    /// A pass goes on: what must not wait for its end.
    pub(crate) fn beat(&self, reconciler: &Reconciler, report: &PassReport) {
        self.0.send_modify(|snapshot| {
            snapshot.held = Some(HeldNow {
                id: reconciler.held.id().map(str::to_owned),
                waiting: reconciler.held.waiting(),
                in_trouble: !report.errors.is_empty(),
            });
            // While Synapse does not answer, what is known of rooms says nothing of how they are.
            if !reconciler.trouble.is_synapse_away {
                snapshot.conditions = Some(reconciler.conditions());
            }
        });
    }

    /// All rooms have been read again.
    pub(crate) fn resynced(&self) {
        self.0.send_modify(|snapshot| snapshot.last_resync = Some(Utc::now()));
    }

    /// How the queue fares now. Subscribers are woken only where something becomes an alert by it, or is one no longer.
    pub fn tell_queue(&self, health: QueueHealth) {
        self.0.send_if_modified(|snapshot| {
            let changed = snapshot.queue.as_ref().map(QueueHealth::conditions) != Some(health.conditions());
            snapshot.queue = Some(health);
            changed
        });
    }

    /// How publishing events fares now. Subscribers are woken only where that is something new.
    pub fn tell_events(&self, health: EventsHealth) {
        self.0.send_if_modified(|snapshot| {
            let changed = snapshot.events.as_ref() != Some(&health);
            snapshot.events = Some(health);
            changed
        });
    }
}
