//! The threat model and the pages of faults and of reliability name tests: each of them is there.

use regex::Regex;

use crate::scanner::root;

/// Every test of the tree as its file, without its ending, and its name.
fn tests() -> Vec<(String, String)> {
    let function = Regex::new(r"(?m)^\s*(?:pub(?:\([a-z]+\))? )?(?:async )?fn ([a-z0-9_]+)").unwrap();
    let mut tests = Vec::new();
    for folder in ["tests", "src", "policy/src", "policy/tests"] {
        for entry in walk(&root().join(folder)) {
            let text = std::fs::read_to_string(&entry).unwrap();
            // A folder's own file goes by the folder's name.
            let stem = |path: &std::path::Path| path.file_stem().unwrap().to_string_lossy().into_owned();
            let name = match stem(&entry).as_str() {
                "mod" | "main" | "tests" => stem(entry.parent().unwrap()),
                name => name.to_owned(),
            };
            tests.extend(function.captures_iter(&text).map(|found| (name.clone(), found[1].to_owned())));
        }
    }
    tests
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => walk(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect()
}

#[test]
fn every_test_that_threat_model_faults_and_reliability_name_is_there() {
    let read = |page: &str| std::fs::read_to_string(root().join("docs").join(page)).unwrap();
    let text = read("threat-model.md") + &read("faults.md") + &read("reliability.md");
    let named = Regex::new(r"`([a-z_]+)::([a-z0-9_]+)`").unwrap();
    let tests = tests();
    let is_there = |file: &str, name: &str| tests.iter().any(|(its, test)| its == file && test == name);
    let all: Vec<(String, String)> =
        named.captures_iter(&text).map(|found| (found[1].to_owned(), found[2].to_owned())).collect();
    assert!(all.len() > 30, "{}", all.len());
    let missing: Vec<_> = all.iter().filter(|(file, name)| !is_there(file, name)).collect();
    assert!(
        missing.is_empty(),
        "docs/threat-model.md, faults.md or reliability.md names tests that are not there: {missing:#?}"
    );
}
