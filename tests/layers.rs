//! The house has one direction: each module imports only from modules below it. The table says which, and why.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// A top-level module of `src`, which modules it may import from, and the rule in words.
struct Layer {
    name: &'static str,
    may_import: &'static [&'static str],
    rule: &'static str,
}

/// From top to bottom: a layer may only ever name layers below it here. Neighbours that must not know each other are those
/// that do not list each other.
const HOUSE: [Layer; 17] = [
    Layer { name: "main", may_import: &["cli"], rule: "main parses, starts and ends; everything else is behind cli" },
    Layer {
        name: "cli",
        may_import: &["app", "operations", "accounts", "doctor", "reconcile", "homeserver", "store", "config"],
        rule: "a command asks for parts that app has made, and prints; it neither listens nor reads sources by itself",
    },
    Layer {
        name: "app",
        may_import: &[
            "commands",
            "operations",
            "intake",
            "accounts",
            "doctor",
            "reconcile",
            "sources",
            "homeserver",
            "store",
            "config",
        ],
        rule: "the composition root knows every part and nothing of the command line",
    },
    Layer {
        name: "commands",
        may_import: &["operations", "accounts", "doctor", "reconcile", "homeserver", "store", "nearest"],
        rule: "the Staff room looks at the world through a window and asks for passes; it acts on no room by itself",
    },
    Layer {
        name: "operations",
        may_import: &["reconcile", "homeserver", "store"],
        rule: "what the command line and the Staff room both do is done here once, and shown elsewhere",
    },
    Layer {
        name: "accounts",
        may_import: &["sources", "store", "delays"],
        rule: "who has an account is read upstream and kept; it neither plans nor touches Synapse",
    },
    Layer {
        name: "doctor",
        may_import: &["intake", "sources", "homeserver", "postgres", "config", "nearest"],
        rule: "the doctor asks for itself, with the clients alone, and without the parts that may be what is broken",
    },
    Layer {
        name: "intake",
        may_import: &["aws", "delays"],
        rule: "what comes in is made durable through a seam and wakes through a seam: it can neither decide nor act",
    },
    Layer {
        name: "reconcile",
        may_import: &["sources", "homeserver", "store", "delays"],
        rule: "the one path that acts gets its policy from app and its input from below, never from a request",
    },
    Layer {
        name: "sources",
        may_import: &["aws", "postgres"],
        rule: "a source only reads what should be; it knows neither Synapse nor what we keep",
    },
    Layer { name: "homeserver", may_import: &[], rule: "what we ask of Synapse depends on nothing of ours" },
    Layer { name: "store", may_import: &["postgres"], rule: "what we keep depends on no other part of ours" },
    Layer {
        name: "aws",
        may_import: &[],
        rule: "how AWS is reached depends on nothing of ours, and not on what is asked",
    },
    Layer { name: "postgres", may_import: &[], rule: "how Postgres is reached depends on nothing of ours" },
    Layer { name: "config", may_import: &["nearest"], rule: "configuration is read before there is anything else" },
    Layer { name: "delays", may_import: &[], rule: "how long to wait depends on nothing of ours, and reads no clock" },
    Layer { name: "nearest", may_import: &[], rule: "names are compared, whatever they name" },
];

/// What would let I/O, async or a clock into the pure core.
const IMPURE: [&str; 9] =
    ["tokio", "futures-util", "sqlx", "reqwest", "matrix-sdk", "ruma", "axum", "chrono", "tracing"];

#[test]
fn every_module_imports_only_from_those_below_it() {
    let broken: Vec<String> = sources()
        .iter()
        .flat_map(|file| {
            imports(&std::fs::read_to_string(file).unwrap(), &module_path(file))
                .into_iter()
                .map(move |import| (file, import))
        })
        .filter_map(|(file, import)| {
            let layer = layer(&module_path(file)[0]);
            let allowed = import.module == layer.name || layer.may_import.contains(&import.module.as_str());
            (!allowed).then(|| {
                let may = if layer.may_import.is_empty() {
                    "none of our modules".to_owned()
                } else {
                    layer.may_import.join(", ")
                };
                format!(
                    "{}:{}: {} imports {}, and may import {may}: {}",
                    file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display(),
                    import.line,
                    layer.name,
                    import.text,
                    layer.rule
                )
            })
        })
        .collect();
    assert!(
        broken.is_empty(),
        "imports that go up or sideways (docs/architecture.md draws the house):\n{}",
        broken.join("\n")
    );
}

#[test]
fn the_table_goes_one_way() {
    for (at, layer) in HOUSE.iter().enumerate() {
        for name in layer.may_import {
            assert!(HOUSE[at + 1..].iter().any(|below| below.name == *name), "{name} is not below {}", layer.name);
        }
    }
}

#[test]
fn the_table_is_the_house() {
    let library = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut modules: Vec<&str> = Regex::new(r"(?m)^\s*(?:pub(?:\([a-z]+\))? )?mod (\w+)")
        .unwrap()
        .captures_iter(&library)
        .map(|found| found.extract::<1>().1[0])
        .collect();
    modules.push("main");
    modules.sort_unstable();
    let mut table: Vec<&str> = HOUSE.iter().map(|layer| layer.name).collect();
    table.sort_unstable();
    assert_eq!(modules, table, "give a new module its place in HOUSE (left: src/lib.rs, right: HOUSE)");
}

#[test]
fn the_pure_core_depends_on_nothing_impure() {
    let manifest = std::fs::read_to_string(root().join("policy/Cargo.toml")).unwrap();
    let manifest: toml_edit::DocumentMut = manifest.parse().unwrap();
    // What tests use does not get into the core.
    let dependencies = manifest["dependencies"].as_table().unwrap();
    let impure: Vec<&str> = dependencies
        .iter()
        .map(|(name, given)| given.get("package").and_then(|package| package.as_str()).unwrap_or(name))
        .filter(|name| IMPURE.contains(name))
        .collect();
    assert!(
        impure.is_empty(),
        "policy/Cargo.toml depends on {impure:?}: the core does no I/O, is not async, reads no clock"
    );
    assert!(manifest.get("target").is_none(), "policy/Cargo.toml: the core is the same on every target");
}

#[test]
fn every_metric_is_described_and_has_a_row_in_the_readme() {
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
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let has_row = |metric: &str| {
        let metric = metric.trim_start_matches("provisioner_");
        readme.contains(&format!("`{metric}{{")) || readme.contains(&format!("`{metric}`"))
    };
    let described: BTreeSet<String> = described.iter().map(name).collect();
    let forgotten: Vec<String> =
        counted.iter().map(name).filter(|metric| !described.contains(metric) || !has_row(metric)).collect();
    assert!(
        counted.len() > 10 && forgotten.is_empty(),
        "describe these, and give each a row in README.md: {forgotten:?}"
    );
}

#[test]
fn the_scanner_sees_imports_and_nothing_else() {
    let source = r##"
        //! crate::comment
        use crate::{store::{Entry, Line}, homeserver, self};
        use super::super::config::Config;
        use super::sibling;
        /* crate::block */ const TEXT: &str = "crate::string \" crate::still";
        const RAW: &str = r#"crate::raw"#; const QUOTE: char = '"'; fn f<'a>(x: &'a str) { crate::app::run() }
        macro_rules! m { () => { $crate::cli } }
        #[cfg(test)]
        mod tests {
            use crate::intake;
            fn g() { let _ = [0; 2]; crate::main::x() }
        }
        pub(in crate::reconcile) fn last() { phenom_provisioner::sources::x() }
    "##;
    let path = ["reconcile".to_owned(), "slice".to_owned()];
    let found: Vec<String> =
        imports(source, &path).into_iter().map(|import| format!("{}:{}", import.line, import.text)).collect();
    assert_eq!(
        found,
        [
            "3:crate::store",
            "3:crate::homeserver",
            "4:super::super::config",
            "7:crate::app",
            "8:crate::cli",
            "14:crate::reconcile",
            "14:phenom_provisioner::sources",
        ]
    );
}

struct Import {
    line: usize,
    module: String,
    /// As it stands in the source, up to the module.
    text: String,
}

/// What the module at `path` names of the crate's top level, outside of comments, strings and `#[cfg(test)]`.
fn imports(source: &str, path: &[String]) -> Vec<Import> {
    let code = without_tests(&without_text(source));
    let start = Regex::new(r"\b(?:(?:crate|phenom_provisioner)\s*::\s*|(?:super\s*::\s*)+)").unwrap();
    let mut imports = Vec::new();
    for found in start.find_iter(&code) {
        let up = found.as_str().matches("super").count();
        // Fewer steps up than the module is deep stay within its own layer.
        if up > 0 && up < path.len() {
            continue;
        }
        let prefix: String = found.as_str().split_whitespace().collect();
        let line = code[..found.start()].matches('\n').count() + 1;
        for module in heads(&code[found.end()..]) {
            if module != "self" && (up == 0 || HOUSE.iter().any(|layer| layer.name == module)) {
                imports.push(Import { line, text: format!("{prefix}{module}"), module: module.to_owned() });
            }
        }
    }
    imports
}

/// The first name of a path, or of each path in a group of them.
fn heads<'a>(rest: &'a str) -> Vec<&'a str> {
    let name = |text: &'a str| {
        let text = text.trim_start();
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        (end > 0).then(|| &text[..end])
    };
    let Some(group) = rest.strip_prefix('{') else { return name(rest).into_iter().collect() };
    let (mut depth, mut heads) = (0, name(group).into_iter().collect::<Vec<_>>());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.extend(name(&group[at + 1..])),
            _ => {}
        }
    }
    heads
}

/// Comments, strings and characters blanked out, line by line.
fn without_text(source: &str) -> String {
    let text = Regex::new(concat!(
        r###"(?s)//[^\n]*|/\*.*?\*/|\br##".*?"##|\br#".*?"#|\br"[^"]*""###,
        r#"|"(?:\\.|[^"\\])*"|'(?:\\[^']+|\\'|[^'\\\n])'"#
    ));
    text.unwrap()
        .replace_all(source, |found: &regex::Captures<'_>| "\n".repeat(found[0].matches('\n').count()))
        .into_owned()
}

/// Items under `#[cfg(test)]` blanked out: tests may look anywhere. A file of its own (`#[cfg(test)] mod name;`) is not.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        let mut depth = 0;
        let end = item.find(|character| {
            match character {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            depth == 0 && matches!(character, ';' | '}')
        });
        let (item, after) = item.split_at(end.map_or(item.len(), |end| end + 1));
        kept.push_str(&"\n".repeat(item.matches('\n').count()));
        rest = after;
    }
    kept + rest
}

fn layer(name: &str) -> &'static Layer {
    HOUSE.iter().find(|layer| layer.name == name).unwrap_or_else(|| panic!("give {name} its place in HOUSE"))
}

/// Every source file but `lib.rs`, which only lists the modules.
fn sources() -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![root().join("src")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("src/lib.rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() > HOUSE.len(), "where are the sources?");
    files
}

/// `src/store/ledger.rs` is store, ledger; `src/store/mod.rs` is store.
fn module_path(file: &Path) -> Vec<String> {
    let file = file.strip_prefix(root().join("src")).unwrap().with_extension("");
    let mut path: Vec<String> = file.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    path.pop_if(|last| last == "mod");
    path
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
