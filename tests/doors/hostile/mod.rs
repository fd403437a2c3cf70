//! Hostile inputs: what a door is given, and what it says of it. `walk` sends a corpus through it, `damage` what strangers make of
//! that.
//!
//! `src/lib.rs` compiles this folder too, for the doors that stand within the crate: no item is made public for a test.

pub(crate) mod damage;
mod pieces;
mod tree;
#[cfg(test)]
pub(crate) mod walk;

use std::fmt;

use proptest::test_runner::TestCaseError;

#[cfg(test)]
pub(crate) use walk::walk;

/// One input.
pub(crate) struct Hostile<'a> {
    /// The file of the corpus that it was made of, without its ending.
    pub(crate) seed: &'a str,
    pub(crate) bytes: &'a [u8],
}

impl Hostile<'_> {
    /// As text, with what is no UTF-8 replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes).into_owned()
    }
}

impl fmt::Display for Hostile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.text().chars().take(4000).collect();
        write!(f, "{} with damage: {text}", self.seed)
    }
}

/// What became of an input: the door took something of it, or nothing.
pub(crate) type Verdict = Result<bool, TestCaseError>;
