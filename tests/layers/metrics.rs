//! Each metric is described and has its row in `docs/operate.md`.

use std::collections::{BTreeMap, BTreeSet};

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
