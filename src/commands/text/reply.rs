//! An answer, described once: lines and lists of plain pieces. There are no tables: clients on phones run the cells of a row
//! together. `render.rs` makes both its forms of the same description.
//! Every piece is sanitized as it comes in.

use serde::{Deserialize, Serialize};

use crate::sanitize;

/// Longer texts are cut: what others have written in them is of any length. Ours fit, the mend at their end included.
const LONGEST: usize = 1000;

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

/// Text of our own that marks what is to be typed by backticks: each such part is a piece of its own, made of `typed`. A
/// backtick without another is left out.
pub(crate) fn marked(words: &str, typed: impl Fn(&str) -> String) -> Vec<Piece> {
    let words = clause(words);
    let parts: Vec<&str> = words.split('`').collect();
    let is_typed = |at: usize| at % 2 == 1 && at + 1 < parts.len();
    let piece = |(at, part): (usize, &&str)| if is_typed(at) { code(typed(part)) } else { text(*part) };
    parts.iter().enumerate().filter(|(_, part)| !part.is_empty()).map(piece).collect()
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
pub(super) enum Block {
    Line(Vec<Piece>),
    List(Vec<Vec<Piece>>),
}

impl Block {
    /// The bytes of its text, which either form has at least.
    pub(super) fn length(&self) -> usize {
        let of = |pieces: &[Piece]| pieces.iter().map(|piece| piece.text().len()).sum::<usize>();
        match self {
            Self::Line(pieces) => of(pieces),
            Self::List(entries) => entries.iter().map(|entry| of(entry)).sum(),
        }
    }

    /// Leaves the first half of its parts. False where it has only one.
    pub(super) fn halve(&mut self) -> bool {
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
        }
    }
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(super) blocks: Vec<Block>,
    /// It is shown with the names that are kept already.
    #[serde(skip)]
    pub(super) asks_nothing: bool,
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

    /// The first part of it, and what follows.
    pub(crate) fn split_first(mut self) -> (Self, Self) {
        let rest = self.blocks.split_off(self.blocks.len().min(1));
        (self, Self { blocks: rest, ..Self::default() })
    }

    /// Whether it may cost Synapse no request, not even for a name.
    pub(crate) fn asks_nothing(&self) -> bool {
        self.asks_nothing
    }

    /// Leaves out the names that are not kept already.
    #[must_use]
    pub(crate) fn asking_nothing(mut self) -> Self {
        self.asks_nothing = true;
        self
    }

    /// Every text of it, in its order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let pieces = self.blocks.iter().flat_map(|block| match block {
            Block::Line(pieces) => pieces.iter().collect::<Vec<_>>(),
            Block::List(entries) => entries.iter().flatten().collect(),
        });
        pieces.map(Piece::text)
    }
}

impl Piece {
    pub(super) fn text(&self) -> &str {
        let (Self::Text(text) | Self::Code(text) | Self::Strong(text)) = self;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_is_a_piece_of_its_own_and_no_backtick_is_left() {
        let pieces = |words: &str| marked(words, |typed| format!("!p {typed}"));
        assert_eq!(pieces("see `plan`; or not"), [text("see "), code("!p plan"), text("; or not")]);
        assert_eq!(pieces("`plan` says"), [code("!p plan"), text(" says")]);
        assert_eq!(pieces("team `x says"), [text("team "), text("x says")]);
        assert_eq!(pieces("nothing"), [text("nothing")]);
    }

    #[test]
    fn a_long_text_from_outside_is_cut() {
        assert_eq!(clause(&"ë".repeat(LONGEST)).chars().count(), LONGEST);
        assert_eq!(clause(&"ë".repeat(2 * LONGEST)).chars().count(), LONGEST + 1);
    }
}
