//! `history`: the ledger, newest first.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::page::Screen;
use super::people::{self, WithNames};
use super::{print, show};
use crate::app::{self, Context};
use crate::config::ConfigLocation;
use crate::operations;
use crate::store::{HistoryFilter, SchemaNeed};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only this user: a Matrix id, a subject or an e-mail address
    user: Option<String>,
    /// Only this room, by its key
    #[arg(long)]
    room: Option<String>,
    /// How many lines
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Show commands of the Staff room that only read, too
    #[arg(long)]
    all: bool,
    /// Print the lines as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(location: &ConfigLocation, arguments: Arguments) -> Result<ExitCode> {
    super::logs::for_command();
    let context = Context::load(location)?;
    if let Some(key) = &arguments.room {
        super::room(&context.policy, key)?;
    }
    let store = context.open_store_with(SchemaNeed::AsItIs).await?;
    let user_id = match &arguments.user {
        Some(user) => Some(super::mxid(user, &context, &store).await?),
        None => None,
    };
    let without = if arguments.all { Vec::new() } else { app::commands_that_read() };
    let filter = HistoryFilter { user_id, room_key: arguments.room, without, limit: i64::from(arguments.limit) };
    let lines = operations::history(&store, &filter).await?;
    if let (Some(user), []) = (&filter.user_id, lines.as_slice()) {
        print::note(format_args!("nothing of {user}; `explain {user}` says whether anybody knows them"));
    }
    let names = people::names_in(&context, lines.iter().flat_map(show::texts_of_line)).await;
    if arguments.json {
        // It is a list: each line has the names of its own.
        let named = |line| WithNames::new(line, &names.users_in(show::texts_of_line(line)));
        print::json(&lines.iter().map(named).collect::<Vec<_>>())?;
    } else {
        print::page(&show::history(&lines, &names, Screen::of_answers()));
    }
    Ok(ExitCode::SUCCESS)
}
