//! What the journeys of the doctor share: a stage, and what is said of it.

use std::sync::Arc;

use serde_json::{Value, json};
use testbed::{Bed, SynapseVersion};

use crate::support::{Settings, Stage, subject};

/// A stage whose roster knows the teams that its file names.
pub(crate) async fn stage(version: SynapseVersion) -> Stage {
    known(Stage::set(version, Settings::default()).await).await
}

/// The same on a bed of one's own.
pub(crate) async fn stage_on(bed: Arc<Bed>) -> Stage {
    known(Stage::set_on(bed, Settings::default()).await).await
}

async fn known(stage: Stage) -> Stage {
    for team in ["staff", "analysts"] {
        stage.hasura.add(&subject(), team, "member").await.unwrap();
    }
    std::fs::write(stage.service.directory().join("shared-secret"), stage.bed.synapse.shared_secret()).unwrap();
    stage
}

/// What the doctor says.
pub(crate) struct Diagnosis(pub(crate) Vec<Value>);

impl Diagnosis {
    pub(crate) async fn of(stage: &Stage) -> Diagnosis {
        let output = stage.service.run_cli(&["doctor", "--json"]).await.unwrap();
        let report = output.json().unwrap();
        let diagnosis = Diagnosis(report["findings"].as_array().unwrap().clone());
        let ok = diagnosis.with("fail").is_empty();
        assert_eq!((&report["ok"], output.status), (&json!(ok), Some(if ok { 0 } else { 1 })), "{output:?}");
        for finding in &diagnosis.0 {
            let mended = finding["mend"].as_str().is_some_and(|mend| !mend.is_empty());
            let needs = ["warn", "fail"].contains(&finding["status"].as_str().unwrap());
            assert_eq!(mended, needs, "a mend where one is needed: {finding}");
        }
        diagnosis
    }

    /// The checks with this status, each once.
    pub(crate) fn with(&self, status: &str) -> Vec<&str> {
        let mut checks: Vec<&str> = self
            .0
            .iter()
            .filter(|finding| finding["status"] == status)
            .map(|finding| finding["check"].as_str().unwrap())
            .collect();
        checks.dedup();
        checks
    }

    /// What is said of this check where it does not pass: text and mend.
    pub(crate) fn said(&self, check: &str) -> String {
        let of_check = self.0.iter().filter(|finding| finding["check"] == check && finding["status"] != "pass");
        of_check.map(|finding| format!("{} → {}\n", finding["text"], finding["mend"])).collect()
    }
}

/// This check fails and no other does; what is said of it contains these parts.
pub(crate) async fn fails(stage: &Stage, check: &str, parts: &[&str]) -> Diagnosis {
    let diagnosis = Diagnosis::of(stage).await;
    assert_eq!(diagnosis.with("fail"), [check], "{:#?}", diagnosis.0);
    let said = diagnosis.said(check);
    for part in parts {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    diagnosis
}

/// Nothing fails.
pub(crate) async fn sound(stage: &Stage) -> Diagnosis {
    let diagnosis = Diagnosis::of(stage).await;
    assert_eq!(diagnosis.with("fail"), [""; 0], "{:#?}", diagnosis.0);
    diagnosis
}
