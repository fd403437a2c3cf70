//! `follow`: moves the policy of a room that was replaced to its successor.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{people, print};
use crate::config::ConfigLocation;
use crate::operations::{self, FollowRequest, Moved};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The room, by its key in the configuration
    room: String,
    /// Do it though somebody who is not exempt has as much power as the bot in the new room
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(location: &ConfigLocation, arguments: Arguments) -> Result<ExitCode> {
    let (context, store) = super::open(location).await?;
    let policy = context.current_policy(&store).await?;
    let key = &super::room(&policy, &arguments.room)?.key;
    let homeserver = context.homeserver().await?;
    let request = FollowRequest { key, by: &super::caller(), force: arguments.force };
    let Moved { from, to, replaced_by, made_by } = operations::follow(&homeserver, &store, &policy, request).await?;
    let line = format!(
        "{key} is followed from {from}, which {replaced_by} replaced, to {to}, which {made_by} made; the next pass joins \
         everyone who belongs there"
    );
    people::print_line(&context, &line).await;
    print::line(format_args!("write this into the configuration: id = \"{to}\""));
    Ok(ExitCode::SUCCESS)
}
