//! phenom-provisioner: an application service for Synapse that owns provisioning and room policy.
//!
//! Each module imports only from those below it; `tests/layers/` checks it. `docs/architecture.md` draws the house.

pub mod cli;

pub mod app;

pub mod accounts;
pub mod commands;
pub mod display_names;
pub mod doctor;
pub mod events;
pub mod intake;
pub mod operations;
pub mod reconcile;

pub mod homeserver;
pub mod pictures;
pub mod sources;
pub mod store;

pub mod aws;
pub mod config;
pub mod postgres;

#[cfg(test)]
#[path = "../tests/doors/hostile/mod.rs"]
mod hostile;

mod causes;
pub mod complaints;
pub mod delays;
pub mod nearest;
mod objects;
pub mod sanitize;
pub mod version;
