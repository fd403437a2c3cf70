//! What is wrong with a configuration and how to mend it, collected and printed all at once.

use std::{
    cmp::Ordering,
    fmt,
    path::{Path, PathBuf},
};

/// Where a value came from. The order is that of the report: the file from top to bottom, what the file lacks, variables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValueOrigin {
    /// A place in the file: byte offset and line number (from 1).
    File { offset: usize, line: usize },
    /// Nowhere: a section or key that should be in the file.
    Absent,
    /// An environment variable, by name.
    Variable(String),
}

/// One thing to mend. Never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub origin: ValueOrigin,
    /// What is wrong, a sentence that reads alone.
    pub text: String,
    /// What to do about it.
    pub mend: String,
}

impl Problem {
    pub(super) fn new(origin: ValueOrigin, text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { origin, text: text.into(), mend: mend.into() }
    }

    /// Where it is to be mended, in a file of this name.
    pub fn place(&self, file: &str) -> String {
        match &self.origin {
            ValueOrigin::File { line, .. } => format!("{file}:{line}"),
            ValueOrigin::Absent => file.to_owned(),
            ValueOrigin::Variable(variable) => variable.clone(),
        }
    }
}

/// What a grammar says about a value it refuses. `text` continues the sentence `key = "value" …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ValueFault {
    pub(super) text: String,
    pub(super) mend: String,
}

impl ValueFault {
    pub(super) fn new(text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { text: text.into(), mend: mend.into() }
    }
}

/// Every problem of one file and the environment over it. `Display` is for people: one problem, or a numbered list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    file: PathBuf,
    problems: Vec<Problem>,
}

impl ConfigErrors {
    pub(super) fn new(file: &Path, mut problems: Vec<Problem>) -> Self {
        // The sort is stable: several problems of one place stay in the order in which they were found.
        problems.sort_by(|a, b| a.origin.partial_cmp(&b.origin).unwrap_or(Ordering::Equal));
        Self { file: file.to_owned(), problems }
    }

    /// The problems in the order in which they are printed. Never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        if let [problem] = &self.problems[..] {
            return write!(f, "error in {}: {}\n  → {}", problem.place(&file.to_string()), problem.text, problem.mend);
        }
        write!(f, "{} errors in {file}:", self.problems.len())?;
        let name = self.file.file_name().map_or_else(|| file.to_string(), |name| name.to_string_lossy().into_owned());
        for (index, problem) in self.problems.iter().enumerate() {
            let place = problem.place(&name);
            write!(f, "\n{:>3}. {place}: {}\n     → {}", index + 1, problem.text, problem.mend)?;
        }
        Ok(())
    }
}
