//! A release is one number in four places: Cargo.toml, the newest section of CHANGELOG.md, the newest row of the table in
//! docs/upgrade.md, and the heading there of what that version does otherwise.

use regex::Regex;

use crate::scanner::root;

/// Sections of the changelog, newest first: version, and what stands for its date.
fn released() -> Vec<(String, String)> {
    let changelog = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let heading = Regex::new(r"(?m)^## (.+)$").unwrap();
    let form = Regex::new(r"^\[(\d+\.\d+\.\d+)\] - (Unreleased|\d{4}-\d{2}-\d{2})$").unwrap();
    let section = |text: &str| {
        let found = form.captures(text).unwrap_or_else(|| panic!("CHANGELOG.md: {text} is not [1.2.3] - DATE"));
        (found[1].to_owned(), found[2].to_owned())
    };
    heading.captures_iter(&changelog).map(|found| section(&found[1])).collect()
}

#[test]
fn the_version_of_the_crates_is_the_newest_of_the_changelog() {
    let sections = released();
    let (newest, _) = sections.first().expect("CHANGELOG.md has a section");
    for manifest in ["Cargo.toml", "policy/Cargo.toml", "testbed/Cargo.toml"] {
        let text = std::fs::read_to_string(root().join(manifest)).unwrap();
        let version = text.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"');
        assert_eq!(version, newest, "{manifest}, and CHANGELOG.md");
    }
    for (version, date) in &sections[1..] {
        assert_ne!(date, "Unreleased", "{version} is older than {newest}");
    }
}

#[test]
fn every_version_of_the_changelog_has_its_row_in_the_guide_to_upgrades() {
    let guide = std::fs::read_to_string(root().join("docs/upgrade.md")).unwrap();
    let rows = Regex::new(r"(?m)^\| (\d+\.\d+\.\d+) \|").unwrap();
    let rows: Vec<String> = rows.captures_iter(&guide).map(|found| found[1].to_owned()).collect();
    let versions: Vec<String> = released().into_iter().map(|(version, _)| version).collect();
    assert_eq!(rows, versions, "rows of docs/upgrade.md, and sections of CHANGELOG.md, newest first");
    let heading = format!("## What {} does that ", versions[0]);
    assert!(guide.contains(&heading), "docs/upgrade.md has no heading {heading:?}");
}
