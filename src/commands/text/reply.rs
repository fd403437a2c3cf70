//! An answer, described once: lines, lists and tables of plain pieces. HTML (`templates/reply.html`) and plain text are made
//! of the same description, and every piece is sanitized as it comes in.

use askama::Template;
use serde::{Deserialize, Serialize};

use crate::sanitize;

/// Both forms together may be this long; an event may have 64 KiB in all, and an edit has both forms twice.
const LARGEST: usize = 24 * 1024;

/// Longer texts from outside are cut: a reason is a clause, not a page.
const LONGEST: usize = 300;

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Piece {
    Text(String),
    /// An id or something to be typed, in one piece.
    Code(String),
    Strong(String),
}

/// Text as it is read.
pub(crate) fn text(text: impl AsRef<str>) -> Piece {
    Piece::Text(clause(text.as_ref()))
}

/// An id or something to be typed.
pub(crate) fn code(text: impl AsRef<str>) -> Piece {
    Piece::Code(clause(text.as_ref()))
}

/// What matters most of a line.
pub(crate) fn strong(text: impl AsRef<str>) -> Piece {
    Piece::Strong(clause(text.as_ref()))
}

/// Text from outside, sanitized and not too long.
pub(crate) fn clause(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", sanitize::one_line(&text[..end])),
        None => sanitize::one_line(text),
    }
}

/// A part of an answer that stands on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Block {
    Line(Vec<Piece>),
    List(Vec<Vec<Piece>>),
    Table(Table),
}

impl Block {
    /// The bytes of its text, which either form has at least.
    fn length(&self) -> usize {
        let of = |pieces: &[Piece]| pieces.iter().map(|piece| piece.text().len()).sum::<usize>();
        match self {
            Self::Line(pieces) => of(pieces),
            Self::List(entries) => entries.iter().map(|entry| of(entry)).sum(),
            Self::Table(table) => table.rows.iter().map(|row| of(row)).sum(),
        }
    }

    /// Leaves the first half of its parts. False where it has only one.
    fn halve(&mut self) -> bool {
        fn first_half<T>(parts: &mut Vec<T>) -> bool {
            let is_divided = parts.len() > 1;
            if is_divided {
                parts.truncate(parts.len() / 2);
            }
            is_divided
        }
        match self {
            Self::Line(pieces) => first_half(pieces),
            Self::List(entries) => first_half(entries),
            Self::Table(table) => first_half(&mut table.rows),
        }
    }
}

/// Rows under a header. In plain text each row is a line that names its cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    header: Vec<String>,
    /// Columns whose cells say by themselves what they are.
    plain_without: Vec<usize>,
    rows: Vec<Vec<Piece>>,
}

impl Table {
    /// An empty table. The first column names the row and needs no header in plain text.
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        Self { header: header.map(str::to_owned).to_vec(), plain_without: Vec::new(), rows: Vec::new() }
    }

    /// Leaves the headers of these columns out of plain text, because their cells say by themselves what they are.
    pub(crate) fn plain_without<const N: usize>(mut self, columns: [usize; N]) -> Self {
        self.plain_without = columns.to_vec();
        self
    }

    /// Adds a row, with as many cells as the header has.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Piece; N]) {
        self.rows.push(cells.to_vec());
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Takes out the columns that are empty in every row.
    fn without_empty_columns(mut self) -> Self {
        for column in (0..self.header.len()).rev() {
            if self.rows.iter().all(|row| row[column].text().is_empty()) {
                self.header.remove(column);
                self.rows.iter_mut().for_each(|row| drop(row.remove(column)));
                self.plain_without.retain(|one| *one != column);
                self.plain_without.iter_mut().filter(|one| **one > column).for_each(|one| *one -= 1);
            }
        }
        self
    }

    /// `- staff: wanted 12, present 11`, a row a line. Empty cells are left out.
    fn plain(&self) -> Vec<String> {
        let line = |row: &Vec<Piece>| {
            let cells = row.iter().map(Piece::text).enumerate().filter(|(_, cell)| !cell.is_empty());
            let mut cells = cells.map(|(column, cell)| match self.header[column].as_str() {
                name if column > 0 && !name.is_empty() && !self.plain_without.contains(&column) => {
                    format!("{name} {cell}")
                }
                _ => cell.to_owned(),
            });
            let first = cells.next().unwrap_or_default();
            let rest: Vec<String> = cells.collect();
            if rest.is_empty() { format!("- {first}") } else { format!("- {first}: {}", rest.join(", ")) }
        };
        self.rows.iter().map(line).collect()
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    blocks: Vec<Block>,
}

/// An answer in both forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) plain: String,
    pub(crate) html: String,
}

#[derive(Template)]
#[template(path = "reply.html")]
struct Html<'a> {
    blocks: &'a [Block],
}

impl Rendered {
    /// Whether a message holds it.
    fn fits(&self) -> bool {
        self.plain.len() + self.html.len() <= LARGEST
    }
}

impl Reply {
    /// An answer of one line.
    pub(crate) fn line<const N: usize>(pieces: [Piece; N]) -> Self {
        Self::default().and(pieces)
    }

    /// Adds a line.
    #[must_use]
    pub(crate) fn and<const N: usize>(self, pieces: [Piece; N]) -> Self {
        self.and_pieces(pieces.to_vec())
    }

    /// Adds a line of any length.
    #[must_use]
    pub(crate) fn and_pieces(mut self, pieces: Vec<Piece>) -> Self {
        self.blocks.push(Block::Line(pieces));
        self
    }

    /// Adds a table, where it has rows.
    #[must_use]
    pub(crate) fn and_table(mut self, table: Table) -> Self {
        if !table.is_empty() {
            self.blocks.push(Block::Table(table.without_empty_columns()));
        }
        self
    }

    /// Adds a list, where it has entries.
    #[must_use]
    pub(crate) fn and_list(mut self, entries: impl IntoIterator<Item = Vec<Piece>>) -> Self {
        let entries: Vec<_> = entries.into_iter().collect();
        if !entries.is_empty() {
            self.blocks.push(Block::List(entries));
        }
        self
    }

    /// Adds all of another answer.
    #[must_use]
    pub(crate) fn and_reply(mut self, other: Self) -> Self {
        self.blocks.extend(other.blocks);
        self
    }

    /// Both forms, cut until they fit into an event.
    pub(crate) fn render(&self) -> Rendered {
        let mut reply = self.clone();
        loop {
            let rendered = reply.may_fit().then(|| reply.both_forms());
            if let Some(rendered) = rendered.filter(Rendered::fits) {
                return rendered;
            }
            // Each cut leaves fewer parts than before, so this ends.
            if !reply.cut() {
                return reply.both_forms();
            }
        }
    }

    /// False where it is too long by its text alone, which is cheaper to say.
    fn may_fit(&self) -> bool {
        2 * self.blocks.iter().map(Block::length).sum::<usize>() <= LARGEST
    }

    fn both_forms(&self) -> Rendered {
        let html = Html { blocks: &self.blocks }.render().unwrap_or_default();
        Rendered { plain: self.plain(), html }
    }

    /// Whether a message holds all of it.
    pub(crate) fn is_whole(&self) -> bool {
        self.both_forms().fits()
    }

    /// Halves what has the most text, or takes it out where it has only one part, and says so at the end. False where nothing is
    /// left to be cut.
    fn cut(&mut self) -> bool {
        let note = Block::Line(vec![text("Cut here, because a message holds no more.")]);
        self.blocks.retain(|block| *block != note);
        let longest = self.blocks.iter().enumerate().max_by_key(|(_, block)| block.length()).map(|(at, _)| at);
        if let Some(at) = longest
            && !self.blocks[at].halve()
        {
            self.blocks.remove(at);
        }
        self.blocks.push(note);
        longest.is_some()
    }

    fn plain(&self) -> String {
        let mut lines = Vec::new();
        for block in &self.blocks {
            match block {
                Block::Line(pieces) => lines.push(plain(pieces)),
                Block::List(entries) => lines.extend(entries.iter().map(|entry| format!("- {}", plain(entry)))),
                Block::Table(table) => lines.extend(table.plain()),
            }
        }
        lines.join("\n")
    }
}

impl Piece {
    fn text(&self) -> &str {
        let (Self::Text(text) | Self::Code(text) | Self::Strong(text)) = self;
        text
    }
}

fn plain(pieces: &[Piece]) -> String {
    pieces.iter().map(Piece::text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["room", "wanted", "empty", "reason"]).plain_without([3]);
        table.row([code("staff"), text("12"), text(""), text("why <not>")]);
        table.row([code("red-room"), text(""), text(""), text("")]);
        table
    }

    #[test]
    fn both_forms_say_the_same() {
        let reply = Reply::line([strong("2 joins"), text(" & more")]).and_table(table());
        let Rendered { plain, html } = reply.and_list([vec![text("see "), code("plan all")]]).render();
        assert_eq!(plain, "2 joins & more\n- staff: wanted 12, why <not>\n- red-room\n- see plan all");
        assert_eq!(
            html,
            "<p><strong>2 joins</strong> &#38; more</p>\
             <table><thead><tr><th>room</th><th>wanted</th><th>reason</th></tr></thead><tbody>\
             <tr><td><code>staff</code></td><td>12</td><td>why &#60;not&#62;</td></tr>\
             <tr><td><code>red-room</code></td><td></td><td></td></tr></tbody></table>\
             <ul><li>see <code>plan all</code></li></ul>"
        );
    }

    #[test]
    fn a_hostile_text_is_inert_in_both_forms() {
        let hostile = "<b>x</b> [x](javascript:1) \u{202e}";
        let Rendered { plain, html } = Reply::line([text(hostile), code(hostile), strong(hostile)]).render();
        assert!(!html.contains("<b>") && !html.contains('\u{202e}') && !plain.contains('\u{202e}'), "{html} {plain}");
    }

    #[test]
    fn a_long_text_from_outside_is_cut() {
        assert_eq!(clause(&"ë".repeat(LONGEST)).chars().count(), LONGEST);
        assert_eq!(clause(&"ë".repeat(1000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn long_lines_are_cut_too_and_that_ends() {
        let long = |pieces: usize| vec![code("a-room-of-twenty-let"); pieces];
        let rooms = || Reply::default().and_pieces(long(400)).and_pieces(long(400)).and_pieces(long(400));
        let Rendered { plain, html } = rooms().and([text("the end")]).render();
        assert!(
            plain.len() + html.len() <= LARGEST
                && plain.ends_with("the end\nCut here, because a message holds no more.")
        );
        assert!(plain.len() > LARGEST / 8, "no more than needed: {}", plain.len());
        let one = "long ".repeat(60);
        let many = (0..2000).fold(Reply::default(), |reply, _| reply.and([text(&one)]));
        let Rendered { plain, html } = many.render();
        assert!(plain.len() + html.len() <= LARGEST && plain.len() > LARGEST / 8);
    }

    #[test]
    fn what_no_event_could_hold_is_cut() {
        let mut long = Table::new(["user", "because"]);
        for _ in 0..10_000 {
            long.row([code("@somebody:example.org"), text("because ".repeat(20))]);
        }
        let Rendered { plain, html } = Reply::line([text("all")]).and_table(long).render();
        assert!(plain.len() + html.len() <= LARGEST && plain.ends_with("holds no more."), "{}", plain.len());
    }
}
