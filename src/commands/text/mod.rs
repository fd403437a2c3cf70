//! Text in and out, pure: what is said is parsed, what is answered is rendered.

pub(crate) mod formatted;
pub(crate) mod incoming;
pub(crate) mod nearest;
pub(crate) mod parse;
pub(crate) mod reply;
pub(crate) mod sanitize;
pub(crate) mod who;
pub(crate) mod words;
