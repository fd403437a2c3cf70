//! The one reconcile path: refresh what may have changed, plan, carry out the due part, and again.
//!
//! [`Reconciler`] does one slice; [`service`] and [`once`] drive it, forever or until nothing is left to do.

mod accounts;
mod approval;
mod arrivals;
mod backoff;
mod conditions;
mod creations;
mod culprit;
mod echoes;
mod executor;
mod feed;
mod feed_state;
mod follow;
mod held;
mod observe;
mod once;
mod pardons;
mod provenance;
mod quarrels;
mod readings;
mod reconciler;
mod record;
mod refresh;
mod report;
mod service;
mod standing;
mod state_echoes;
mod state_writes;
mod stopped;
mod verify;
mod wakes;
mod withheld;

pub use follow::{FollowError, Moved, follow, followed};
mod window;

pub use conditions::{Condition, Conditions, QueueHealth};
pub use observe::observe_rooms;
pub use once::{apply_once, plan_once};
pub use reconciler::{Reconciler, Slice};
pub use record::describe_metrics;
pub use report::{Failed, PassReport};
pub use service::{Service, Status};
pub use wakes::{Wakes, Woken};
pub use window::{Closed, Freshness, Hold, Inside, Pulse, QueueTeller, Window};
