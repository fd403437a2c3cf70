//! `explain`: why somebody is, or is not, in each room. Reads everything, writes nothing.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use provisioner_policy::{Explanation, RoomExplanation};

use super::people;
use super::print::{self, push_line};
use crate::config::ConfigLocation;
use crate::display_names::DisplayNames;
use crate::operations;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// An MXID, a subject or an e-mail address
    user: String,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(location: &ConfigLocation, arguments: Arguments) -> Result<ExitCode> {
    let (context, store) = super::open_to_read(location).await?;
    let mxid = super::mxid(&arguments.user, &context, &store).await?;
    let mut reconciler = super::read_all(&context, &store).await?;
    let plan = reconciler.plan().await?;
    let Some(mut explanation) = operations::explain(reconciler.world(), &plan, &mxid) else {
        bail!("nobody knows {mxid}: no row, no account and no room has this user");
    };
    let joined = operations::joined_by_us(&store, &explanation).await?;
    for (room, line) in explanation.rooms.iter_mut().zip(joined).filter_map(|(room, line)| Some((room, line?))) {
        let time = line.at.format("%Y-%m-%d %H:%M:%S");
        room.because.push_str(&format!("; joined by the service on {time} UTC, pass {}", line.pass));
    }
    let because = explanation.rooms.iter().map(|room| &*room.because);
    let texts =
        [&*explanation.user, &explanation.account, &explanation.server_admin.because].into_iter().chain(because);
    let names = people::names_in(&context, texts).await;
    if arguments.json {
        people::print_json(&explanation, &names)?;
    } else {
        print::text(&show(&explanation, &names));
    }
    Ok(ExitCode::SUCCESS)
}

fn show(explanation: &Explanation, names: &DisplayNames) -> String {
    let Explanation { user, subject: _, account, server_admin, rooms } = explanation;
    let mut text = String::new();
    push_line(&mut text, format_args!("{}", names.beside_ids(user)));
    push_line(&mut text, format_args!("  account: {}", names.beside_ids(account)));
    let admin = if server_admin.observed { "is a server admin" } else { "is no server admin" };
    push_line(&mut text, format_args!("  {admin}: {}", names.beside_ids(&server_admin.because)));
    for RoomExplanation { room, observed, power, because, .. } in rooms {
        let state = match *observed {
            "join" => format!("is in {room}"),
            "invite" => format!("is invited to {room}"),
            "ban" => format!("is banned from {room}"),
            _ => format!("is not in {room}"),
        };
        let level = if *observed == "join" { format!(" (power {})", power.observed) } else { String::new() };
        push_line(&mut text, format_args!("  {state}: {}{level}", names.beside_ids(because)));
    }
    text
}
