//! `rejoin`: somebody who left by choice is joined again, because they or an administrator asked.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::store::ClearedLeaveRow;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// An MXID, a subject or an e-mail address
    user: String,
    /// A room, by its key
    room: String,
}

pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<ExitCode> {
    let (context, store) = super::open(path).await?;
    let user_id = super::mxid(&arguments.user, &context, &store).await?;
    let policy = context.current_policy(&store).await?;
    let room = super::room(&policy, &arguments.room)?;
    let homeserver = context.homeserver().await?;
    let others = homeserver.other_members(&room.id).await?;
    let left =
        others.into_iter().find(|one| one.user_id == user_id && one.membership == "leave" && one.sender == user_id);
    // Who left the room that this one replaced is kept away by that leave.
    let mut before = policy.followed(&room.id).into_iter().flat_map(|followed| &followed.voluntary_leaves);
    let before = before.find(|(user, _)| *user == user_id).map(|(_, event_id)| event_id.clone());
    let Some(event_id) = left.map(|left| left.event_id).or(before) else {
        bail!("{user_id} has not left {} by choice; `explain {user_id}` says how they stand there", room.key);
    };
    let pardon = ClearedLeaveRow { room_id: room.id.clone(), user_id: user_id.clone(), event_id };
    store.ask_rejoin(&pardon, &room.key, &super::caller()).await.context("record that they are to be joined again")?;
    println!("{user_id} is joined to {} by the next pass, if they belong there", room.key);
    Ok(ExitCode::SUCCESS)
}
