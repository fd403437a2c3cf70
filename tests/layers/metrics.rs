//! Each metric is described and has its row in `docs/operate.md`; gauges of the leader end with the lead; what rules say of kinds.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_policy::Kind;
use regex::Regex;

use crate::scanner::{root, sources};

#[test]
fn every_metric_is_described_and_has_a_row_in_the_page_of_operators() {
    let named = Regex::new(r#"const (\w+): &str = "(provisioner_\w+)""#).unwrap();
    let used =
        Regex::new(r#"\b(describe_)?(?:counter|gauge|histogram)!\(\s*(?:super::)?(?:"(provisioner_\w+)"|(\w+))"#)
            .unwrap();
    let (mut constants, mut described, mut counted) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for text in sources().iter().map(|file| std::fs::read_to_string(file).unwrap()) {
        constants.extend(named.captures_iter(&text).map(|found| (found[1].to_owned(), found[2].to_owned())));
        for found in used.captures_iter(&text) {
            let name = found.get(2).or(found.get(3)).unwrap().as_str().to_owned();
            if found.get(1).is_some() { &mut described } else { &mut counted }.insert(name);
        }
    }
    let name = |name: &String| constants.get(name).unwrap_or(name).clone();
    let page = std::fs::read_to_string(root().join("docs/operate.md")).unwrap();
    let has_row = |metric: &str| {
        let metric = metric.trim_start_matches("provisioner_");
        page.contains(&format!("`{metric}{{")) || page.contains(&format!("`{metric}`"))
    };
    let described: BTreeSet<String> = described.iter().map(name).collect();
    let forgotten: Vec<String> =
        counted.iter().map(name).filter(|metric| !described.contains(metric) || !has_row(metric)).collect();
    assert!(
        counted.len() > 10 && forgotten.is_empty(),
        "describe these, and give each a row in docs/operate.md: {forgotten:?}"
    );
}

#[test]
fn every_description_of_metrics_is_made() {
    let files: Vec<_> = sources()
        .into_iter()
        .filter(|file| std::fs::read_to_string(file).unwrap().contains("pub fn describe_metrics()"))
        .collect();
    let app = std::fs::read_to_string(root().join("src/app/mod.rs")).unwrap();
    let made = app.matches("::describe_metrics();").count();
    assert_eq!(made, files.len(), "src/app/mod.rs calls {made} of `describe_metrics` in {files:#?}");
}

#[test]
fn every_gauge_of_the_leader_ends_with_the_lead() {
    let set = Regex::new(r#"metrics::gauge!\(\s*(?:"(provisioner_\w+)"|(\w+))"#).unwrap();
    let name = |found: regex::Captures<'_>| found.get(1).or(found.get(2)).unwrap().as_str().to_owned();
    let of_leader = sources().into_iter().filter(|file| file.starts_with(root().join("src/reconcile")));
    let texts = of_leader.map(|file| std::fs::read_to_string(file).unwrap());
    let all: BTreeSet<String> = texts.flat_map(|text| set.captures_iter(&text).map(name).collect::<Vec<_>>()).collect();
    let gauges = std::fs::read_to_string(root().join("src/reconcile/tell/gauges.rs")).unwrap();
    let end = gauges.split("impl Drop for LeadGauges {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let ended: BTreeSet<String> = set.captures_iter(end).map(name).collect();
    assert_eq!(all, ended, "set while this replica leads (left), and at 0 when it does no longer (right: LeadGauges)");
}

#[test]
fn the_rule_about_missing_pushes_names_every_kind_that_is_pushed() {
    let rules = std::fs::read_to_string(root().join("deploy/monitoring/rules.yaml")).unwrap();
    let named = Regex::new(r#"kind=~"([a-z_|]+)""#).unwrap();
    let of_rooms: BTreeSet<&str> = Kind::ALL.into_iter().filter(|kind| kind.is_of_a_room()).map(Kind::as_str).collect();
    for found in named.captures_iter(&rules) {
        let named: BTreeSet<&str> = found.get(1).unwrap().as_str().split('|').collect();
        assert_eq!(named, of_rooms, "deploy/monitoring/rules.yaml");
    }
    assert!(named.is_match(&rules));
}
