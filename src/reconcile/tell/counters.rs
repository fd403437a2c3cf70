//! Counters that begin at 0. Prometheus sees a count rise only where it has seen the count before: one that begins with the first
//! failure, at 1, has not risen for any rule or panel.

use provisioner_policy::{Kind, Mode, Policy};

use crate::reconcile::report::PassReport;
use crate::store::LedgerOutcome;

/// Shows every count of passes, and of actions in the mode that their class has now, before anything is counted.
pub fn begin_counters(policy: &Policy) {
    for outcome in PassReport::OUTCOMES {
        metrics::counter!("provisioner_passes_total", "outcome" => outcome).increment(0);
    }
    for kind in Kind::ALL {
        let mode = kind.class().mode(&policy.modes);
        let outcomes: &[LedgerOutcome] = match mode {
            Mode::Observe => &[LedgerOutcome::Observed],
            Mode::Enforce => &[LedgerOutcome::Done, LedgerOutcome::Failed, LedgerOutcome::Unknown, LedgerOutcome::Held],
        };
        for outcome in outcomes {
            metrics::counter!(
                "provisioner_actions_total",
                "kind" => kind.as_str(), "mode" => mode.as_str(), "outcome" => outcome.as_str()
            )
            .increment(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use provisioner_policy::Modes;

    use super::*;

    #[test]
    fn what_has_not_happened_yet_is_counted_as_0_in_the_mode_of_its_class() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let modes = Modes { joins: Mode::Enforce, ..Modes::default() };
        metrics::with_local_recorder(&recorder, || begin_counters(&Policy { modes, ..Policy::default() }));
        let shown = recorder.handle().render();
        for series in [
            r#"provisioner_actions_total{kind="join",mode="enforce",outcome="failed"} 0"#,
            r#"provisioner_actions_total{kind="join",mode="enforce",outcome="done"} 0"#,
            r#"provisioner_actions_total{kind="remove",mode="observe",outcome="observed"} 0"#,
            r#"provisioner_passes_total{outcome="failed"} 0"#,
        ] {
            assert!(shown.lines().any(|line| line == series), "no {series} in\n{shown}");
        }
        // What is enforced is told by this label.
        assert!(!shown.contains(r#"kind="remove",mode="enforce""#), "{shown}");
    }
}
