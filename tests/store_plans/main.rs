//! The store at a million rows: no statement scans what grows, and what need not be kept goes in bounded steps.
//! Counts of what Postgres says, never seconds.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exceptions;
mod fill;
mod folded;
mod groups;
mod history;
mod interrupted;
mod looks;
mod noes;
mod nul;
mod outbox;
mod owner;
mod plan;
mod plans;
mod reads;
mod rightful;
mod rows;
mod seen;
mod shown_names;
mod statements;
mod taken;
mod trim;
mod wire;
