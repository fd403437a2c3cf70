//! Collects problems while a configuration is read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    document::{SourceMap, upwards},
    problem::{Problem, ValueFault},
    shown::shown_value,
};

/// The problems so far, and which places have one.
#[derive(Debug)]
pub(super) struct ProblemReport<'a> {
    pub(super) places: &'a SourceMap,
    problems: Vec<Problem>,
    unsound: BTreeSet<String>,
    /// Secrets read from a file, with the key that named the file.
    named_by: BTreeMap<String, String>,
}

impl<'a> ProblemReport<'a> {
    pub(super) fn new(places: &'a SourceMap) -> Self {
        Self { places, problems: Vec::new(), unsound: BTreeSet::new(), named_by: BTreeMap::new() }
    }

    /// Whether neither `pointer` nor anything around it has a problem: what was repaired must not be judged again.
    pub(super) fn sound(&self, pointer: &str) -> bool {
        !upwards(pointer).any(|at| self.unsound.contains(at))
    }

    /// Reports a problem in its own words, unless the place has one already.
    pub(super) fn add(&mut self, pointer: &str, text: impl Into<String>, mend: impl Into<String>) {
        if self.sound(pointer) {
            let origin = self.places.origin(self.named_by.get(pointer).map_or(pointer, String::as_str));
            self.problems.push(Problem::new(origin, text, mend));
            self.unsound.insert(pointer.to_owned());
        }
    }

    /// Notes that a secret came out of the file that another key names.
    pub(super) fn read_from(&mut self, secret: String, named_by: String) {
        self.named_by.insert(secret, named_by);
    }

    /// Reports nothing more about this place, because its trouble is reported elsewhere.
    pub(super) fn silence(&mut self, pointer: &str) {
        self.unsound.insert(pointer.to_owned());
    }

    /// Reports a value that some rule refuses. `shown` is the value where it may be shown.
    pub(super) fn refuse(&mut self, pointer: &str, shown: Option<&Value>, fault: ValueFault) {
        let name = self.places.name(pointer);
        let subject = match shown {
            Some(value) => format!("{name} = {}", shown_value(value)),
            None => match self.named_by.get(pointer) {
                Some(key) => format!("{name} (from the file that {} names)", self.places.name(key)),
                None => format!("{name} (not shown)"),
            },
        };
        self.add(pointer, format!("{subject} {}", fault.text), fault.mend);
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}
