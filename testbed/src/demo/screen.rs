//! What the demo writes and how it looks. Colours, and lines that move, only on a terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use textwrap::{Options, WordSeparator, WordSplitter};

const WIDTH: u16 = 100;

/// A message is as wide as a terminal is at the least, with the mark at its side.
const MESSAGE_WIDTH: usize = 80 - 2;

/// Standard output, with the time since the demo began.
#[derive(Debug)]
pub(crate) struct Screen {
    colours: bool,
    began: Instant,
}

impl Screen {
    pub(crate) fn new() -> Screen {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Screen { colours: wanted && std::io::stdout().is_terminal(), began: Instant::now() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// One line or more. A closed pipe is no reason to fail.
    pub(crate) fn say(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}").and_then(|()| out.flush()).ok();
    }

    /// A heading with its rule.
    pub(crate) fn section(&self, title: &str) {
        let rule = "─".repeat(usize::from(WIDTH).saturating_sub(title.chars().count() + 4));
        self.say(&format!("\n{} {}\n", self.bold(&format!("── {title}")), self.dim(&rule)));
    }

    /// What another program printed, set off from our own words.
    pub(crate) fn quote(&self, text: &str) {
        for line in text.trim_end().lines() {
            self.say(&format!("{} {line}", self.dim("│")));
        }
    }

    /// What the bot said, as a client on a terminal shows it.
    pub(crate) fn message(&self, body: &str) {
        self.quote(&wrapped(body));
    }

    pub(crate) fn shell(&self, command: &str) {
        self.say(&format!("{} {}\n", self.dim("$"), self.bold(command)));
    }

    /// Does one step of the setup and tells how long it took; a spinner shows it meanwhile.
    ///
    /// # Errors
    /// When the work fails, with the step's name.
    pub(crate) async fn step<T>(&self, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {elapsed}") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(100));
        let done = self.step_with_own_progress(what, work, || spinner.finish_and_clear()).await;
        spinner.finish_and_clear();
        done
    }

    /// The same for work that shows its own progress on standard error.
    ///
    /// # Errors
    /// When the work fails, with the step's name.
    pub(crate) async fn step_with_own_progress<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T>>,
        before_telling: impl FnOnce(),
    ) -> Result<T> {
        let start = Instant::now();
        let done = work.await;
        let seconds = start.elapsed().as_secs_f32();
        before_telling();
        let mark = if done.is_ok() { self.green("✓") } else { self.red("✗") };
        self.say(&format!("  {mark} {what:<78} {seconds:>6.1} s"));
        done.with_context(|| format!("while waiting for this step: {what}"))
    }

    pub(crate) fn good(&self, text: &str) {
        self.say(&format!("  {} {text}", self.green("✓")));
    }

    /// An empty table with these headings.
    pub(crate) fn table(&self, headings: &[&str]) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        // On a terminal the table finds its width by itself, elsewhere it is a page's.
        if !std::io::stdout().is_terminal() {
            table.set_width(WIDTH);
        }
        if self.colours {
            table.enforce_styling();
        } else {
            table.style_text_only();
        }
        table.set_header(headings.iter().map(|heading| Cell::new(heading).add_attribute(Attribute::Bold)));
        table
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn green(&self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn red(&self, text: &str) -> String {
        self.paint("31", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A cell that stands out on a terminal.
pub(crate) fn coloured(text: &str, colour: Color) -> Cell {
    Cell::new(text).fg(colour)
}

/// The same in lines that fit. An entry of a list goes on behind its dash.
fn wrapped(body: &str) -> String {
    let line = |line: &str| {
        let options = Options::new(MESSAGE_WIDTH)
            .subsequent_indent(if line.starts_with("- ") { "  " } else { "" })
            .break_words(false)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation);
        textwrap::fill(line, options)
    };
    body.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_fits_into_a_terminal() {
        let entry = format!("- \"Dan\" (@dan:demo.test){}", " and more words".repeat(6));
        let shown = wrapped(&format!("3 people would be removed.\n\n{entry}"));
        assert!(shown.lines().all(|line| line.len() <= MESSAGE_WIDTH), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!((lines[0], lines[1], lines.len()), ("3 people would be removed.", "", 4));
        assert!(lines[2].starts_with("- \"Dan\"") && lines[3].starts_with("  "), "{shown}");
    }
}
