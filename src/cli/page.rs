//! The shape of an answer. On a terminal it is as wide as that, long lines go on below their beginning, and what matters has a
//! colour; in a pipe each entry is one line, so that it can be searched, without colour and without padding.
//!
//! Every text is made harmless as it comes in: what is left in it of colours is our own.

use std::fmt::Display;
use std::io::{self, IsTerminal};

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use textwrap::{Options, WordSeparator, WordSplitter};

use crate::sanitize;

/// A narrower terminal gets lines of this width all the same: ids do not fit in less.
const NARROWEST: usize = 40;

/// Entries of one group that a terminal shows.
const SHOWN: usize = 20;

/// Where an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Screen {
    /// Of a terminal, or as `COLUMNS` says; none in a pipe.
    width: Option<usize>,
}

impl Screen {
    /// What standard output is.
    pub(super) fn of_answers() -> Self {
        Self::of(io::stdout().is_terminal(), Table::new().width())
    }

    /// What standard error is.
    pub(super) fn of_notes() -> Self {
        Self::of(io::stderr().is_terminal(), Table::new().use_stderr().width())
    }

    fn of(is_terminal: bool, width: Option<u16>) -> Self {
        let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<u16>().ok());
        let width = said.or(width.filter(|_| is_terminal)).map(usize::from);
        Self { width: width.map(|width| width.max(NARROWEST)) }
    }

    /// For tests.
    #[cfg(test)]
    pub(super) const fn of_width(width: Option<usize>) -> Self {
        Self { width }
    }

    /// A line beside the answer.
    pub(super) fn wrapped(self, line: &str) -> String {
        self.wrap(&sanitize::one_line(line), "", "  ")
    }

    /// How many entries of a group are shown; the command that shows the others is named below them.
    pub(super) fn shown(self, all: bool) -> usize {
        if all || self.width.is_none() { usize::MAX } else { SHOWN }
    }

    /// Lines of a text that begins behind `first` and goes on behind `rest`.
    fn wrap(self, text: &str, first: &str, rest: &str) -> String {
        let Some(width) = self.width else { return format!("{first}{text}") };
        let options = Options::new(width)
            .initial_indent(first)
            .subsequent_indent(rest)
            .break_words(false)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation);
        textwrap::fill(text, options)
    }
}

/// What a text is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Heading,
    Good,
    Warning,
    Bad,
    Faint,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Heading => Style::new().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Faint => Style::new().dimmed(),
        }
    }

    /// The text in its colour. What does not go to a terminal loses it when it is written.
    fn paint(self, text: &str) -> String {
        let style = self.style();
        if style.is_plain() { text.to_owned() } else { format!("{style}{text}{style:#}") }
    }
}

/// An answer as it is made.
#[derive(Clone, Debug)]
pub(super) struct Page {
    screen: Screen,
    text: String,
}

impl Page {
    pub(super) fn new(screen: Screen) -> Self {
        Self { screen, text: String::new() }
    }

    /// The answer.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn screen(&self) -> Screen {
        self.screen
    }

    /// A paragraph.
    pub(super) fn line(&mut self, tone: Tone, text: impl Display) {
        let text = sanitize::one_line(&text.to_string());
        let wrapped = self.screen.wrap(&text, "", "  ");
        self.push(tone, &wrapped);
    }

    /// An entry: its lead in its colour, padded as it is given, and what follows it; below that, `indent` wide, what else there is
    /// to say. In a pipe all of it is one line.
    pub(super) fn entry(&mut self, tone: Tone, lead: &str, indent: usize, text: &str, more: &[&str]) {
        let [lead, text] = [lead, text].map(sanitize::one_line);
        let more = more.iter().filter(|part| !part.is_empty()).map(|part| sanitize::one_line(part));
        let word = lead.trim();
        let painted = lead.replacen(word, &tone.paint(word), 1);
        if self.screen.width.is_none() {
            let parts: Vec<String> = [format!("{painted}{text}")].into_iter().chain(more).collect();
            self.text.push_str(&format!("{}\n", parts.join("  ").trim_end()));
            return;
        }
        let (behind, below) = (" ".repeat(lead.chars().count()), " ".repeat(indent));
        let body = self.screen.wrap(&text, &behind, &below);
        let body = body.strip_prefix(&behind).unwrap_or(&body);
        self.text.push_str(&format!("{}\n", format!("{painted}{body}").trim_end()));
        for part in more {
            self.text.push_str(&format!("{}\n", self.screen.wrap(&part, &below, &below)));
        }
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A few narrow columns.
    pub(super) fn table<const N: usize>(&mut self, header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
        if let Some(width) = self.screen.width.and_then(|width| u16::try_from(width).ok()) {
            table.set_width(width);
        }
        for row in rows {
            table.add_row(row.map(|cell| sanitize::one_line(&cell)));
        }
        for line in table.force_no_tty().to_string().lines() {
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
    }

    fn push(&mut self, tone: Tone, text: &str) {
        self.text.push_str(&tone.paint(text));
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(width: Option<usize>) -> Page {
        let mut page = Page::new(Screen::of_width(width));
        page.line(Tone::Plain, "one two three four five six seven eight nine ten eleven twelve");
        let user = "@4be7a1c0-93d2-4000-8000-0123456789ab:a.org";
        page.entry(Tone::Plain, "  remove  ", 6, user, &["was member of staff until noon, or so"]);
        page
    }

    #[test]
    fn a_terminal_has_short_lines_and_a_pipe_one_line_an_entry() {
        insta::assert_snapshot!(page(Some(40)).into_text(), @r#"
        one two three four five six seven eight
          nine ten eleven twelve
          remove  @4be7a1c0-93d2-4000-8000-0123456789ab:a.org
              was member of staff until noon, or
              so
        "#);
        insta::assert_snapshot!(page(None).into_text(), @r#"
        one two three four five six seven eight nine ten eleven twelve
          remove  @4be7a1c0-93d2-4000-8000-0123456789ab:a.org  was member of staff until noon, or so
        "#);
    }

    #[test]
    fn what_others_wrote_brings_no_colour() {
        let mut page = Page::new(Screen::of_width(Some(80)));
        page.entry(Tone::Plain, "\u{1b}[31m", 4, "\u{1b}[2J", &["\n\u{202e}"]);
        page.line(Tone::Plain, "\u{1b}[2J");
        assert!(!page.into_text().contains('\u{1b}'));
    }
}
