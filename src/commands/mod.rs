//! The Staff room: commands, their answers, approval by reaction, and alerts.
//!
//! Folders: `text` reads what is said and renders replies, and is pure; `run` is the table of commands, with one file each;
//! `room` is the desk, which does each command at most once; `posts` are the messages that nobody asked for.

mod posts;
mod room;
mod run;
mod text;

pub use room::desk::{Desk, StaffRoom};
pub use run::commands_that_read;

/// What our metrics mean, for `/metrics`. Each command is counted from 0: Prometheus sees no rise to a first 1.
pub fn describe_metrics() {
    metrics::describe_counter!("provisioner_commands_total", "Commands of the Staff room, by name and outcome");
    for (command, outcome) in run::COMMANDS.iter().flat_map(|command| [(command, "done"), (command, "failed")]) {
        metrics::counter!("provisioner_commands_total", "command" => command.name, "outcome" => outcome).increment(0);
    }
}
