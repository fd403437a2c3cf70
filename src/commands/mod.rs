//! The Staff room: commands, their answers, approval by reaction, and alerts.
//!
//! What is said there is read by pure code (`table`, `parse`, `heard`), answered by one file a command (`run`), and written
//! as HTML and as plain text from one description (`reply`). The desk (`desk`) sees to it that each is done at most once.

mod posts;
mod room;
mod run;
mod table;
mod text;

pub use room::desk::{Desk, StaffRoom};

/// What our metrics mean, for `/metrics`.
pub fn describe_metrics() {
    metrics::describe_counter!("provisioner_commands_total", "Commands of the Staff room, by name and outcome");
}
