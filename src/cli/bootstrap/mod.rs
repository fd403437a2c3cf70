//! `bootstrap`: registers the bot, makes it server admin, and gets it into its rooms. With `--create-rooms` it makes those that
//! are not there yet.

mod create_rooms;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use provisioner_policy::RoomPolicy;

use super::print;
use crate::app::Context;
use crate::causes::told;
use crate::config::{ConfigLocation, RoomIds};
use crate::doctor;
use crate::homeserver::{CallError, Homeserver, WriteOutcome};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A file that holds the access token of an existing server admin
    #[arg(long, conflicts_with = "shared_secret_file")]
    admin_token_file: Option<PathBuf>,
    /// A file that holds Synapse's registration_shared_secret
    #[arg(long)]
    shared_secret_file: Option<PathBuf>,
    /// Make the configured rooms that have no id yet, and print the lines to put in the file; safe to repeat
    #[arg(long)]
    create_rooms: bool,
    /// The version of rooms made; Synapse's own default when left out
    #[arg(long, value_name = "VERSION", requires = "create_rooms")]
    room_version: Option<String>,
}

pub(super) async fn run(location: &ConfigLocation, arguments: Arguments) -> Result<ExitCode> {
    super::logs::for_command();
    let room_ids = if arguments.create_rooms { RoomIds::Optional } else { RoomIds::Required };
    let context = Context::load_with(location, room_ids)?;
    let homeserver = context.homeserver().await?;
    let bot = &context.policy.bot;
    match homeserver.register_sender(&context.registration.sender_localpart).await? {
        WriteOutcome::Done => print::line(format_args!("registered {bot}")),
        WriteOutcome::AlreadySo => print::line(format_args!("{bot} is registered")),
    }
    promote(&homeserver, bot, &arguments).await?;
    let mut failed = false;
    let (policy, unasked) = doctor::policy_in_force(&context.config, &context.policy).await;
    if let Some(why) = unasked {
        print::note(format_args!(
            "warning: the database cannot be asked which rooms are followed ({why}): those of the file are entered. Where one of \
             them was replaced, start Postgres and run this again"
        ));
    }
    for room in &policy.rooms {
        match homeserver.enter(&room.id).await {
            Ok(WriteOutcome::Done) => print::line(format_args!("{}: {bot} joined {}", room.key, room.id)),
            Ok(WriteOutcome::AlreadySo) => match empower(&homeserver, room, bot).await {
                Ok(WriteOutcome::Done) => {
                    print::line(format_args!("{}: raised the power of {bot} in {}", room.key, room.id))
                }
                Ok(WriteOutcome::AlreadySo) => print::line(format_args!("{}: {bot} is in {}", room.key, room.id)),
                Err(error) => {
                    failed = true;
                    print::error(format_args!("{}: {}", room.key, told(error.as_ref())));
                }
            },
            Err(error) => {
                failed = true;
                print::error(format_args!("{}: {error}{}", room.key, if_lost(&error)));
            }
        }
    }
    if arguments.create_rooms {
        failed |= !create_rooms::create(&homeserver, &context, arguments.room_version.as_deref()).await?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn promote(homeserver: &Homeserver, bot: &str, arguments: &Arguments) -> Result<()> {
    match homeserver.server_version_and_clock().await {
        // Synapse answers any admin call this way to a user who is no admin.
        Ok(_) if homeserver.list_users(0, 1).await.is_ok() => {
            print::line(format_args!("{bot} is a server admin"));
            return Ok(());
        }
        Ok(_) | Err(CallError::NotServerAdmin) => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(file) = &arguments.admin_token_file {
        homeserver.promote_with_admin_token(&secret(file)?).await?;
    } else if let Some(file) = &arguments.shared_secret_file {
        let helper = homeserver.promote_with_shared_secret(&secret(file)?).await?;
        print::line(format_args!("{helper} was made for it, and is deactivated; its account stays"));
    } else {
        bail!(
            "{bot} is not a server admin; give --admin-token-file or --shared-secret-file so that it can be made one"
        );
    }
    print::line(format_args!("made {bot} a server admin"));
    Ok(())
}

/// Where the bot lacks power that the policy of the room needs, has Synapse give it that of the strongest local member.
async fn empower(homeserver: &Homeserver, room: &RoomPolicy, bot: &str) -> Result<WriteOutcome> {
    if !doctor::lacks_power(homeserver, room).await.context("look at the bot's power")? {
        return Ok(WriteOutcome::AlreadySo);
    }
    homeserver.make_room_admin(&room.id, bot).await.context("raise the bot's power")?;
    if doctor::lacks_power(homeserver, room).await.context("look at the bot's power")? {
        bail!("nobody on this server has the power that the bot needs; someone with level 100 must give it to the bot");
    }
    Ok(WriteOutcome::Done)
}

/// The mend for a room that is lost, and not only misspelt.
fn if_lost(error: &CallError) -> &'static str {
    match error {
        CallError::RoomUnknown => {
            ". If the room is lost, take the line with its id out and run `phenom-provisioner bootstrap --create-rooms`"
        }
        _ => "",
    }
}

fn secret(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| {
        format!("{} cannot be read; name the file that holds the token or the secret", file.display())
    })?;
    Ok(text.trim().to_owned())
}
