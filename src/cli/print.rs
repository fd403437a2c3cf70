//! Printing, for every command: whatever others wrote (names of teams, MXIDs, what Synapse says) cannot move the cursor, clear
//! the screen, turn a line around or begin one of its own. Nothing else in `cli` prints: the linter holds it.
//!
//! A reader who has seen enough (`plan | head`) changes nothing of what a command does and of its exit code.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::{Context, Result};
use serde::Serialize;

use super::page::Screen;
use super::show::not_noticed;
use crate::sanitize;

/// A line of the answer.
pub(super) fn line(line: impl Display) {
    answer(&format!("{}\n", Screen::of_answers().wrapped(&line.to_string())));
}

/// An answer of several lines, each of which was made by [`push_line`] or is our own. Ends with a line's end.
pub(super) fn text(text: &str) {
    answer(&sanitize::lines(text));
}

/// An answer that was made as a [`Page`](super::page::Page): its colours are our own, and stay on a terminal alone.
pub(super) fn page(text: &str) {
    let text = sanitize::colored_lines(text);
    let mut output = anstream::stdout().lock();
    ended(output.write_all(text.as_bytes()).and_then(|()| output.flush()));
}

/// The answer as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    answer(&format!("{}\n", sanitize::json(&serde_json::to_string_pretty(value).context("write the answer as JSON")?)));
    Ok(())
}

/// Writes to standard output. A file that has no room for it ends the command: what it did is done, and its answer is lost.
fn answer(text: &str) {
    let mut output = io::stdout().lock();
    ended(output.write_all(text.as_bytes()).and_then(|()| output.flush()));
}

fn ended(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        note(format_args!("error: the answer cannot be written: {error}; give it a place with room"));
        std::process::exit(1);
    }
}

/// Writes to standard error; where nobody reads that either, there is nobody to tell.
fn beside(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A line beside the answer.
pub(super) fn note(line: impl Display) {
    beside(&Screen::of_notes().wrapped(&line.to_string()));
}

/// What went wrong, on one line.
pub(super) fn error(error: impl Display) {
    note(format_args!("error: {error}"));
}

/// What went wrong while an answer was made. On a terminal, what the answer has said already is not said again.
pub(super) fn errors<'a>(errors: &'a [String], notices: impl Iterator<Item = &'a String> + Clone) {
    match io::stdout().is_terminal() {
        true => not_noticed(errors, notices).for_each(error),
        false => errors.iter().for_each(error),
    }
}

/// What is wrong with the configuration, each with its mend.
pub(super) fn config_errors(errors: impl Display) {
    beside(&sanitize::lines(&errors.to_string()));
}
