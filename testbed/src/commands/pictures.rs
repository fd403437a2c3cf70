//! `testbed pictures`: the Staff room as a real client shows it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::version::Version;
use crate::pictures::{self, Options};

/// Take pictures of every answer in the Staff room in a real client; testbed/pictures/README.md says what it needs
#[derive(Debug, Args)]
pub(crate) struct TakePictures {
    /// The Synapse to take them on; 1.105.1 is what production runs
    #[arg(long, value_enum, default_value = "1.105.1", value_name = "VERSION")]
    synapse: Version,
    /// Where all pictures go, with what was said as text and as HTML
    #[arg(long, default_value = "target/pictures", value_name = "FOLDER")]
    all: PathBuf,
    /// Where those go that the documentation shows, made small
    #[arg(long, default_value = "docs/pictures", value_name = "FOLDER")]
    docs: PathBuf,
    /// The client and what takes its picture
    #[arg(long, default_value = "testbed/pictures", value_name = "FOLDER")]
    camera: PathBuf,
}

impl TakePictures {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let TakePictures { synapse, all, docs, camera } = self;
        pictures::run(Options { version: synapse.into(), all, docs, camera }).await
    }
}
