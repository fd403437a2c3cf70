//! The Staff room: commands, their answers, approval by reaction, and alerts.
//!
//! Folders: `text` reads what is said and renders replies, and is pure; `run` is the table of commands, with one file each;
//! `room` is the desk, which does each command at most once; `posts` are the messages that nobody asked for.

mod posts;
mod room;
mod run;
mod text;

pub use room::desk::{Desk, StaffRoom};

/// What our metrics mean, for `/metrics`.
pub fn describe_metrics() {
    metrics::describe_counter!("provisioner_commands_total", "Commands of the Staff room, by name and outcome");
}
