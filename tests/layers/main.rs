//! The house has one direction: each module imports only from modules below it. The table says which, and why.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod circles;
mod folders;
mod metrics;
mod release;
mod scanner;
mod threats;

use regex::Regex;

use self::scanner::{imports, module_path, root, sources};

/// A top-level module of `src`, which modules it may import from, and the rule in words.
struct Layer {
    name: &'static str,
    may_import: &'static [&'static str],
    rule: &'static str,
}

/// From top to bottom: a layer may only ever name layers below it here. Neighbours that must not know each other are those
/// that do not list each other.
const HOUSE: [Layer; 26] = [
    Layer { name: "main", may_import: &["cli"], rule: "main parses, starts and ends; everything else is behind cli" },
    Layer {
        name: "cli",
        may_import: &[
            "app",
            "operations",
            "accounts",
            "doctor",
            "display_names",
            "reconcile",
            "homeserver",
            "store",
            "config",
            "causes",
            "sanitize",
            "version",
        ],
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
            "events",
            "reconcile",
            "pictures",
            "sources",
            "homeserver",
            "store",
            "config",
            "causes",
            "complaints",
            "version",
        ],
        rule: "the composition root knows every part and nothing of the command line",
    },
    Layer {
        name: "commands",
        may_import: &[
            "operations",
            "accounts",
            "doctor",
            "display_names",
            "reconcile",
            "homeserver",
            "store",
            "causes",
            "delays",
            "nearest",
            "sanitize",
            // In tests alone.
            "hostile",
        ],
        rule: "the Staff room looks at the world through a window and asks for passes; it acts on no room by itself",
    },
    Layer {
        name: "operations",
        may_import: &["reconcile", "homeserver", "store"],
        rule: "what the command line and the Staff room both do is done here once, and shown elsewhere",
    },
    Layer {
        name: "accounts",
        may_import: &["sources", "store", "causes", "delays"],
        rule: "who has an account is read upstream and kept; it neither plans nor touches Synapse",
    },
    Layer {
        name: "doctor",
        may_import: &["events", "intake", "sources", "homeserver", "postgres", "config", "causes", "nearest"],
        rule: "the doctor asks for itself, with the clients alone, and without the parts that may be what is broken",
    },
    Layer {
        name: "display_names",
        may_import: &["homeserver", "store", "sanitize"],
        rule: "what somebody calls themselves is shown, and kept to be compared with what is shown later: nobody who decides can \
               import it",
    },
    Layer {
        name: "events",
        may_import: &["store", "aws", "causes", "complaints", "delays"],
        rule: "others are told what the ledger says was done: nothing there decides, acts, or is waited for",
    },
    Layer {
        name: "intake",
        may_import: &["aws", "causes", "complaints", "delays", "objects"],
        rule: "what comes in is made durable through a seam and wakes through a seam: it can neither decide nor act",
    },
    Layer {
        name: "reconcile",
        may_import: &[
            "pictures",
            "sources",
            "homeserver",
            "store",
            "causes",
            "delays",
            "nearest",
            "objects",
            "sanitize",
            "hostile",
        ],
        rule: "the one path that acts gets its policy from app and its input from below, never from a request",
    },
    Layer {
        name: "pictures",
        may_import: &[],
        rule: "a picture is fetched from where that is allowed; whose it is, and whether it is given, is nothing it can ask",
    },
    Layer {
        name: "sources",
        may_import: &["aws", "postgres", "causes"],
        rule: "a source only reads what should be; it knows neither Synapse nor what we keep",
    },
    Layer {
        name: "homeserver",
        may_import: &["objects"],
        rule: "what we ask of Synapse depends on nothing of ours but how an object is read",
    },
    Layer { name: "store", may_import: &["postgres"], rule: "what we keep depends on no other part of ours" },
    Layer {
        name: "aws",
        may_import: &[],
        rule: "how AWS is reached depends on nothing of ours, and not on what is asked",
    },
    Layer { name: "postgres", may_import: &[], rule: "how Postgres is reached depends on nothing of ours" },
    Layer { name: "config", may_import: &["nearest"], rule: "configuration is read before there is anything else" },
    Layer {
        name: "hostile",
        may_import: &[],
        rule: "hostile inputs are damaged in one way for every door; tests alone",
    },
    Layer { name: "causes", may_import: &[], rule: "an error is told with its cause, whatever failed" },
    Layer { name: "complaints", may_import: &[], rule: "what was logged is remembered, whatever it was of" },
    Layer { name: "delays", may_import: &[], rule: "how long to wait depends on nothing of ours, and reads no clock" },
    Layer { name: "nearest", may_import: &[], rule: "names are compared, whatever they name" },
    Layer { name: "objects", may_import: &[], rule: "an object is read as one, whoever wrote it" },
    Layer {
        name: "sanitize",
        may_import: &[],
        rule: "text is made harmless, whatever it says and wherever it is shown",
    },
    Layer { name: "version", may_import: &[], rule: "what was built is known when it is built" },
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

fn layer(name: &str) -> &'static Layer {
    HOUSE.iter().find(|layer| layer.name == name).unwrap_or_else(|| panic!("give {name} its place in HOUSE"))
}
