//! Everything that strangers write, at the door where it comes in: 10,000 hostile inputs each, the same in every run.
//!
//! No input may end the process, and none may have a wrong effect: what a door takes is compared with an independent reading of
//! the same bytes, written here for clearness. `docs/reliability.md` has the table of the doors, those included that are tested
//! beside their module (`src/commands/text/tests.rs`, `src/reconcile/pushes/event/tests.rs`), because nothing there is public.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod configuration;
mod envelopes;
mod hostile;
mod naive;
mod power_levels;
mod registration;
mod rooms;
mod roster;
mod synapse;
mod transactions;
