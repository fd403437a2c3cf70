//! The one reconcile path: refresh what may have changed, plan, carry out the due part, and again.
//!
//! [`Reconciler`] does one slice; [`service`] and [`one_shot`] drive it, forever or until nothing is left to do.

mod account_check;
mod act;
mod brakes;
mod follow;
mod handle;
mod one_shot;
mod outcomes;
mod profile_slice;
mod profiles;
mod pushes;
mod read;
mod reconciler;
mod remembered;
mod report;
mod room_mirror;
mod service;
mod slice;
mod status;
mod tell;
mod wakes;

pub use account_check::AccountCheck;
pub use follow::followed;
pub use handle::{ActionGate, Freshness, NotLeader, QueryQueue, ReconcilerHandle};
pub use one_shot::{apply_once, plan_once};
pub use profiles::ProfileGiver;
pub(crate) use read::pasts::{Past, past};
pub use read::rooms::observe_rooms;
pub use reconciler::Reconciler;
pub use report::{Failed, PassReport};
pub use service::{HOMESERVER, POOL, ROSTER, ReadinessReporter, Service};
pub use status::{HeldNow, StatusPublisher, StatusSnapshot};
pub use tell::conditions::{Condition, Conditions};
pub use tell::counters::begin_counters;
pub use tell::events_health::EventsHealth;
pub use tell::gauges::{LeadGauges, describe_metrics};
pub use tell::over::{Configured, over};
pub use tell::queue_health::{QueueHealth, Unseen};
pub use wakes::{Wakes, Woken};
