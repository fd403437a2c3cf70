//! Text in and out, pure: parses messages and renders replies.

pub(crate) mod formatted;
pub(crate) mod incoming;
pub(crate) mod parse;
pub(crate) mod render;
pub(crate) mod reply;
pub(crate) mod who;
pub(crate) mod words;

#[cfg(test)]
mod tests;
