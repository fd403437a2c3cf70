//! Everything that strangers write, at the door where it comes in: 10,000 hostile inputs each, the same in every run.
//!
//! No input may end the process, and none may have a wrong effect: what a door takes is compared with an independent reading of
//! the same bytes, written here for clearness. `docs/reliability.md` has the table of the doors, those included that are tested
//! beside their module (`src/commands/text/tests.rs`, `src/reconcile/pushes/event/tests.rs`), because nothing there is public.
//!
//! `fuzz/` compiles this file too, and sends what libFuzzer makes of the same corpora through the same doors.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod configuration;
mod envelopes;
pub(crate) mod hostile;
mod naive;
mod power_levels;
mod registration;
mod rooms;
mod roster;
mod synapse;
mod transactions;

use hostile::{Hostile, Verdict};

/// What looks at one input after the other.
pub(crate) type Check = Box<dyn Fn(&Hostile<'_>) -> Verdict>;

/// Opens a door: whatever its inputs share is made once.
type Open = fn() -> Check;

/// Every door, by the name of its corpus.
const DOORS: [(&str, Open); 8] = [
    ("answers", || Box::new(answers::door())),
    ("configuration", || Box::new(configuration::door())),
    ("envelopes", || Box::new(envelopes::door())),
    ("power-levels", || Box::new(power_levels::door())),
    ("registration", || Box::new(registration::door())),
    ("rooms", || Box::new(rooms::door())),
    ("roster", || Box::new(roster::door())),
    ("transactions", || Box::new(transactions::door())),
];

/// The door of this name, opened.
pub(crate) fn open(name: &str) -> Check {
    let door = DOORS.into_iter().find(|(its, _)| *its == name);
    let (_, open) =
        door.unwrap_or_else(|| panic!("no door is called {name:?}; there are {:?}", DOORS.map(|(name, _)| name)));
    open()
}

#[cfg(test)]
fn walk(name: &str) {
    hostile::walk(&corpus(name), open(name));
}

#[cfg(test)]
fn corpus(name: &str) -> String {
    format!("tests/doors/corpus/{name}")
}

#[test]
fn every_corpus_has_its_door() {
    // These two are walked beside their module.
    let mut doors: Vec<&str> = DOORS.iter().map(|(name, _)| *name).chain(["messages", "pushes"]).collect();
    doors.sort_unstable();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(corpus(""));
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut folders: Vec<String> = folders.collect();
    folders.sort_unstable();
    assert_eq!(doors, folders);
}
