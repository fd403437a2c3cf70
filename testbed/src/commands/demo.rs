//! `testbed demo`, better known as `cargo demo`: the main job, shown on a real stack.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::version::Version;
use crate::demo::{self, Options};

/// Show the main job on real servers: rows of team_members change, and people are joined to and removed from rooms
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The Synapse to show it on; 1.105.1 is what production runs
    #[arg(long, value_enum, default_value = "1.105.1", value_name = "VERSION")]
    synapse: Version,
    /// Keep everything running until Ctrl-C, and tell how to look at it with psql, curl or a Matrix client
    #[arg(long)]
    stay: bool,
}

impl Demo {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        Ok(demo::run(Options { version: self.synapse.into(), stay: self.stay }).await)
    }
}
