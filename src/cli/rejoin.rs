//! `rejoin`: a user who left by choice is joined again by the next pass.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::people;
use crate::config::ConfigLocation;
use crate::operations;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Who: a Matrix id, a subject or an e-mail address
    user: String,
    /// The room, by its key in the configuration
    room: String,
}

pub(super) async fn run(location: &ConfigLocation, arguments: Arguments) -> Result<ExitCode> {
    let (context, store) = super::open(location).await?;
    let user = super::mxid(&arguments.user, &context, &store).await?;
    let key = &super::room(&context.policy, &arguments.room)?.key;
    let (mut reconciler, _) = super::read_all(&context, &store).await?;
    // It asks what was before, of those who were invited or removed by others since.
    reconciler.plan().await?;
    let leave = match operations::rejoinable(reconciler.world(), &user, key) {
        Ok(leave) => leave,
        Err(why) => bail!("{user} {why} {key}; `explain {user}` says how they stand there"),
    };
    operations::rejoin(&store, &leave, key, &super::caller()).await?;
    let line = format!("{user} is joined to {key} by the next pass, if they belong there");
    people::print_line(&context, &line).await;
    Ok(ExitCode::SUCCESS)
}
