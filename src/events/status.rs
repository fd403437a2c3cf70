//! What publishing says of itself: metrics, and a status for alerts and `status`.

use std::sync::Arc;

use metrics::{counter, describe_counter, describe_gauge, gauge};
use parking_lot::Mutex;
use tracing::{error, info, warn};

use super::backlog::GivenUp;
use super::cloud_event::Event;
use super::event_type::EventType;
use crate::complaints::Complaints;

const PUBLISHED: &str = "provisioner_events_published_total";
const FAILED: &str = "provisioner_events_failed_total";
const LAG: &str = "provisioner_events_lag_seconds";

/// Describes the metrics of events to the installed recorder.
pub fn describe_metrics() {
    describe_counter!(PUBLISHED, "Events for others that SNS took, by type");
    describe_counter!(FAILED, "Attempts to publish that failed, and events that were given up, by reason");
    describe_gauge!(LAG, "Age of the oldest line of the ledger that others were not told of; 0 when there is none");
}

/// Why an attempt can fail, or an event be given up.
const REASONS: [&str; 8] =
    ["unreachable", "throttled", "no_topic", "credentials", "key", "refused", "database", "given_up"];

/// Shows each count before anything is counted: Prometheus sees no rise to a first 1.
pub(super) fn begin_counters() {
    for kind in EventType::ALL {
        counter!(PUBLISHED, "type" => kind.name()).increment(0);
    }
    for reason in REASONS {
        counter!(FAILED, "reason" => reason).increment(0);
    }
}

/// How publishing fares, as others may see it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct EventsStatus(Arc<Mutex<Told>>);

#[derive(Clone, Debug, Default)]
struct Told {
    is_known: bool,
    trouble: Option<PublishTrouble>,
    complaints: Complaints,
}

/// Why nothing is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishTrouble {
    /// With the mend.
    pub why: String,
    /// It does not pass by itself.
    pub is_misconfigured: bool,
}

impl EventsStatus {
    /// Whether anything was tried since the start, and why it does not go on.
    pub fn get(&self) -> (bool, Option<PublishTrouble>) {
        let told = self.0.lock();
        (told.is_known, told.trouble.clone())
    }

    /// All that was due is published.
    pub(super) fn went_well(&self) {
        let mut told = self.0.lock();
        told.is_known = true;
        told.trouble = None;
        if told.complaints.clear() {
            info!("events are published again");
        }
    }

    /// Each reason is logged once, however often it is met.
    pub(super) fn went_badly(&self, reason: &'static str, trouble: PublishTrouble) {
        let mut told = self.0.lock();
        told.is_known = true;
        if told.complaints.is_new(reason) {
            warn!("events are not published, and wait in the ledger: {}", trouble.why);
        }
        told.trouble = Some(trouble);
    }
}

pub(super) fn count_published(events: &[Event]) {
    for event in events {
        counter!(PUBLISHED, "type" => event.kind.name()).increment(1);
    }
}

pub(super) fn count_failure(reason: &'static str) {
    counter!(FAILED, "reason" => reason).increment(1);
}

/// Nobody will be told of these.
pub(super) fn tell_given_up(given_up: &[GivenUp]) {
    for GivenUp { event, why } in given_up {
        count_failure("given_up");
        let name = event.kind.name();
        error!(event.id, "{name} of line {} of the ledger is not published: {why}; tell those who listen", event.line);
    }
}

/// The lag of the replica that leads: 0 again when it no longer does.
#[derive(Debug)]
pub(super) struct Lag;

impl Lag {
    pub(super) fn set(&self, seconds: f64) {
        gauge!(LAG).set(seconds.max(0.0));
    }
}

impl Drop for Lag {
    fn drop(&mut self) {
        self.set(0.0);
    }
}
