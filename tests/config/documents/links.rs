//! What a page leads to is there: other pages, their headings, files; and each page is found.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use regex::Regex;

use super::page::{Page, pages};
use crate::support::repository;

/// What somebody in a hurry reads at most before they are told where to read on.
const README_LINES: usize = 200;

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_of_it() {
    let pages = pages();
    let mut broken = Vec::new();
    let mut seen = 0;
    for page in &pages {
        for link in page.links.iter().filter(|link| !link.text.contains("://") && !link.text.starts_with("mailto:")) {
            seen += 1;
            let (file, anchor) = link.text.split_once('#').unwrap_or((&link.text, ""));
            let target = target(page, file);
            let has_anchor = |page: &Page| page.path == target && page.anchors.contains(anchor);
            if !repository("").join(&target).exists() {
                broken.push(format!("{}: {} is not there", link.place, link.text));
            } else if !anchor.is_empty() && !pages.iter().any(has_anchor) {
                broken.push(format!("{}: {} has no heading #{anchor}", link.place, target.display()));
            }
        }
    }
    assert!(seen > 80, "only {seen} links were found");
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_path_that_a_page_names_is_there() {
    let path = Regex::new(r"^(?:src|policy|tests|testbed|deploy|docs|benches|migrations|fuzz|\.ci)/[\w./-]*$").unwrap();
    // `src/cli/NAME.rs` stands for any.
    let placeholder = Regex::new(r"\b[A-Z]{4,}").unwrap();
    let is_named = |text: &str| path.is_match(text) && (!placeholder.is_match(text) || text.ends_with("README.md"));
    let pages = pages();
    let named: Vec<_> = pages.iter().flat_map(|page| &page.inline).filter(|code| is_named(&code.text)).collect();
    assert!(named.len() > 80, "only {} paths were found", named.len());
    let missing: Vec<String> = named
        .iter()
        .filter(|code| !repository(&code.text).exists())
        .map(|code| format!("{}: {}", code.place, code.text))
        .collect();
    assert!(missing.is_empty(), "paths that are not there:\n{}", missing.join("\n"));
}

#[test]
fn the_index_leads_to_every_page_of_docs() {
    let pages = pages();
    let index = pages.iter().find(|page| page.path == Path::new("docs/README.md")).unwrap();
    let listed: BTreeSet<PathBuf> = index.links.iter().map(|link| target(index, &link.text)).collect();
    let there = pages.iter().map(|page| &page.path).filter(|path| path.starts_with("docs") && **path != index.path);
    let forgotten: Vec<_> = there.filter(|path| !listed.contains(*path)).collect();
    assert!(forgotten.is_empty(), "give each a row in docs/README.md: {forgotten:?}");
}

#[test]
fn the_readme_is_short() {
    let lines = std::fs::read_to_string(repository("README.md")).unwrap().lines().count();
    assert!(
        lines <= README_LINES,
        "README.md has {lines} lines; move what is more than {README_LINES} to a page of docs/"
    );
}

/// The file that a link of the page leads to, from the root of the repository.
fn target(page: &Page, file: &str) -> PathBuf {
    if file.is_empty() {
        return page.path.clone();
    }
    let mut target = page.path.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(file).components() {
        match part {
            Component::ParentDir => assert!(target.pop(), "{}: {file} leads out of the repository", page.name()),
            Component::Normal(name) => target.push(name),
            _ => {}
        }
    }
    target
}
