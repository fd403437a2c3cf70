//! `follow`: moves the policy of a room that was replaced to its successor.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::print;
use crate::operations;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A room, by its key
    room: String,
}

pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<ExitCode> {
    let (context, store) = super::open(path).await?;
    let policy = context.current_policy(&store).await?;
    let key = &super::room(&policy, &arguments.room)?.key;
    let homeserver = context.homeserver().await?;
    let moved = operations::follow(&homeserver, &store, &policy, key, &super::caller()).await?;
    print::line(format_args!(
        "{key} is followed from {} to {}; the next pass joins everyone who belongs there",
        moved.from, moved.to
    ));
    print::line(format_args!("write this into the configuration: id = \"{}\"", moved.to));
    Ok(ExitCode::SUCCESS)
}
