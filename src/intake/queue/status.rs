//! What the consumer says about itself: metrics, and a status for `doctor` and readiness.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics::{counter, describe_counter, describe_gauge, gauge};
use parking_lot::Mutex;

use super::dead_letters::Redrive;
use super::seam::ConfirmOutcome;

const MESSAGES: &str = "provisioner_queue_messages_total";
const AGE: &str = "provisioner_queue_age_seconds";

/// What can become of a message.
const OUTCOMES: [&str; 4] = ["recorded", "refused", "absent", "trouble"];

/// Describes the metrics of the queue to the installed recorder. Messages are counted from 0: Prometheus sees no rise to a first 1.
pub fn describe_metrics() {
    describe_counter!(MESSAGES, "Messages of the queue by what became of them: recorded, refused, absent, trouble");
    describe_gauge!(AGE, "Age of the oldest message being worked on; 0 when there is none");
    for outcome in OUTCOMES {
        counter!(MESSAGES, "outcome" => outcome).increment(0);
    }
}

/// Counts what became of a message at one receive.
pub(super) fn count(outcome: &ConfirmOutcome) {
    let [recorded, refused, absent, trouble] = OUTCOMES;
    let outcome = match outcome {
        ConfirmOutcome::Recorded => recorded,
        ConfirmOutcome::Refused(_) => refused,
        ConfirmOutcome::Absent => absent,
        ConfirmOutcome::Trouble(_) => trouble,
    };
    counter!(MESSAGES, "outcome" => outcome).increment(1);
}

/// How the consumer fares, as others may see it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct QueueStatus(Arc<Mutex<QueueSnapshot>>);

/// How the consumer fared at one moment.
#[derive(Clone, Debug, Default)]
pub struct QueueSnapshot {
    /// When SQS last answered a receive, with or without messages.
    pub last_poll: Option<SystemTime>,
    /// Why the last receive failed; nothing after one that succeeded.
    pub last_error: Option<String>,
    /// What is wrong on our side or with the pool; nothing since a message succeeded.
    pub trouble: Option<String>,
    /// What the queue does with messages that were received too often; nothing while that could not be asked.
    pub redrive: Option<Redrive>,
    /// Age of the oldest in-flight message; zero when there is none.
    pub oldest: Duration,
    /// In-flight messages.
    pub in_flight: usize,
}

impl QueueStatus {
    /// A copy of what is known now.
    pub fn snapshot(&self) -> QueueSnapshot {
        self.0.lock().clone()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut QueueSnapshot)) {
        change(&mut self.0.lock());
    }

    pub(super) fn in_flight(&self, in_flight: usize, oldest: Duration) {
        gauge!(AGE).set(oldest.as_secs_f64());
        self.update(|status| (status.in_flight, status.oldest) = (in_flight, oldest));
    }
}
