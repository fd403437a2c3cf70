//! The Staff room: commands, their answers, approval by reaction, and alerts.
//!
//! What is said there is read by pure code (`table`, `parse`, `heard`), answered by one file a command (`run`), and written
//! as HTML and as plain text from one description (`reply`). The desk (`desk`) sees to it that each is done at most once.

mod formatted;
mod heard;
mod inert;
mod nearest;
mod parse;
mod reply;
mod table;
mod who;
mod words;
