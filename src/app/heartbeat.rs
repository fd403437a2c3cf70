//! The heartbeat: a line of the log once a minute from each replica. Trouble is logged when it begins; where the log is all that there
//! is, this line says for how long it lasts, and its absence that nobody works. It repeats what is known here, and asks nobody.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::every;
use crate::intake::admin::Readiness;
use crate::reconcile::{StatusPublisher, StatusSnapshot};

/// The alarms of CloudWatch count five beats in five minutes.
const INTERVAL: Duration = Duration::from_secs(60);

/// What the beats tell of. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Heartbeat {
    readiness: Readiness,
    /// What is seen of the reconciler, while this replica leads.
    leading: watch::Sender<Option<watch::Receiver<StatusSnapshot>>>,
}

/// One beat, as it is logged. What only the replica that leads can say is absent elsewhere, and before its first pass.
#[derive(Debug, PartialEq, Eq)]
struct Beat {
    leads: bool,
    ready: bool,
    waits_for: Option<String>,
    paused: Option<bool>,
    held: Option<usize>,
    since_pass_s: Option<i64>,
}

impl Heartbeat {
    pub(super) fn new(readiness: Readiness) -> Self {
        Self { readiness, leading: watch::Sender::new(None) }
    }

    /// This replica leads, until [`Self::leads_no_longer`].
    pub(super) fn leads(&self, status: &StatusPublisher) {
        self.leading.send_replace(Some(status.subscribe()));
    }

    pub(super) fn leads_no_longer(&self) {
        self.leading.send_replace(None);
    }

    /// Beats until `stop`, for the first time after a minute.
    pub(super) async fn run(self, stop: CancellationToken) {
        every(INTERVAL, stop, move || self.beat()).await;
    }

    fn beat(&self) {
        let beat = {
            let leading = self.leading.borrow();
            let status = leading.as_ref().map(|status| status.borrow());
            Beat::of(&self.readiness.reasons(), status.as_deref(), Utc::now())
        };
        // Metric filters look for these names.
        info!(
            leads = beat.leads,
            ready = beat.ready,
            waits_for = beat.waits_for,
            paused = beat.paused,
            held = beat.held,
            since_pass_s = beat.since_pass_s,
            "heartbeat"
        );
    }
}

impl Beat {
    /// `reasons` are those of not being ready; `status` is there where this replica leads.
    fn of(reasons: &[String], status: Option<&StatusSnapshot>, now: DateTime<Utc>) -> Self {
        let last_pass = status.and_then(|status| status.last_pass.as_ref());
        Self {
            leads: status.is_some(),
            ready: reasons.is_empty(),
            waits_for: (!reasons.is_empty()).then(|| reasons.join("; ")),
            paused: last_pass.map(|(_, report)| report.paused.is_some()),
            held: status.and_then(|status| status.held.as_ref()).map(|held| held.waiting),
            since_pass_s: last_pass.map(|(ended, _)| (now - *ended).num_seconds()),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::reconcile::{HeldNow, PassReport};

    #[test]
    fn a_replica_that_does_not_lead_says_only_whether_it_is_ready() {
        let standby = Beat { leads: false, ready: true, waits_for: None, paused: None, held: None, since_pass_s: None };
        assert_eq!(Beat::of(&[], None, Utc::now()), standby);
        let reasons = ["database: refused", "roster: not read yet"].map(str::to_owned);
        let waits_for = Some("database: refused; roster: not read yet".to_owned());
        assert_eq!(Beat::of(&reasons, None, Utc::now()), Beat { ready: false, waits_for, ..standby });
    }

    #[test]
    fn who_leads_says_how_it_stands_as_soon_as_it_is_known() {
        let now = Utc::now();
        let begun = Beat { leads: true, ready: true, waits_for: None, paused: None, held: None, since_pass_s: None };
        assert_eq!(Beat::of(&[], Some(&StatusSnapshot::default()), now), begun);
        let report = PassReport { paused: Some("paused since then".to_owned()), ..PassReport::default() };
        let status = StatusSnapshot {
            last_pass: Some((now - TimeDelta::seconds(90), report)),
            held: Some(HeldNow { waiting: 3, ..HeldNow::default() }),
            ..StatusSnapshot::default()
        };
        let beat = Beat { paused: Some(true), held: Some(3), since_pass_s: Some(90), ..begun };
        assert_eq!(Beat::of(&[], Some(&status), now), beat);
    }
}
