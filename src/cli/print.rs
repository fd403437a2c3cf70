//! Printing, for every command: whatever others wrote (names of teams, MXIDs, what Synapse says) cannot move the cursor, clear
//! the screen, turn a line around or begin one of its own. Nothing else in `cli` prints: the linter holds it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where it is done")]

use std::fmt::{Arguments, Display};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::sanitize;

/// A line of the answer.
pub(super) fn line(line: impl Display) {
    println!("{}", sanitize::one_line(&line.to_string()));
}

/// An answer of several lines, each of which was made by [`push_line`] or is our own. Ends with a line's end.
pub(super) fn text(text: &str) {
    print!("{}", sanitize::lines(text));
}

/// The answer as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    println!("{}", sanitize::json(&serde_json::to_string_pretty(value).context("write the answer as JSON")?));
    Ok(())
}

/// A line beside the answer.
pub(super) fn note(line: impl Display) {
    eprintln!("{}", sanitize::one_line(&line.to_string()));
}

/// What went wrong, on one line.
pub(super) fn error(error: impl Display) {
    note(format_args!("error: {error:#}"));
}

/// What is wrong with the configuration, a line for each error and its mend.
pub(super) fn config_errors(errors: impl Display) {
    eprintln!("{}", sanitize::lines(&errors.to_string()));
}

/// Adds a line to an answer.
pub(super) fn push_line(text: &mut String, line: Arguments<'_>) {
    text.push_str(&sanitize::one_line(&line.to_string()));
    text.push('\n');
}

/// What stands in a cell of a table.
pub(super) fn cell(cell: impl AsRef<str>) -> String {
    sanitize::one_line(cell.as_ref())
}
