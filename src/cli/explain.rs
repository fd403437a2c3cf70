//! `explain`: why somebody is, or is not, in each room. Reads everything, writes nothing.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use provisioner_policy::{Explanation, RoomExplanation};

use crate::reconcile::plan_once;
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// An MXID, a subject or an e-mail address
    user: String,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<ExitCode> {
    let (context, store) = super::open(path).await?;
    let mxid = super::mxid(&arguments.user, &context, &store).await?;
    let mut reconciler = context.reconciler(&store).await?;
    let (plan, errors) = plan_once(&mut reconciler).await?;
    for error in &errors {
        eprintln!("error: {error}");
    }
    let world = reconciler.world();
    let Some(user) = world.users.get(&mxid).filter(|user| world.is_known(*user)) else {
        bail!("nobody knows {mxid}: no row, no account and no room has this user");
    };
    let mut explanation = world.explain(user, &plan);
    for room in explanation.rooms.iter_mut().filter(|room| room.observed == "join") {
        room.because.push_str(&joined_by_us(&store, &mxid, &room.room).await?);
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&explanation).context("write the answer")?);
    } else {
        print!("{}", show(&explanation));
    }
    Ok(ExitCode::SUCCESS)
}

/// When the service itself joined them, if it did.
async fn joined_by_us(store: &Store, mxid: &str, room_key: &str) -> Result<String> {
    let joined = store.last_joined(mxid, room_key).await.context("read the ledger")?;
    Ok(joined.map_or_else(String::new, |line| {
        format!("; joined by the service on {} UTC, pass {}", line.at.format("%Y-%m-%d %H:%M:%S"), line.pass)
    }))
}

fn show(explanation: &Explanation) -> String {
    let Explanation { user, subject: _, account, server_admin, rooms } = explanation;
    let mut text = String::new();
    let _ = writeln!(text, "{user}\n  account: {account}");
    let admin = if server_admin.observed { "is a server admin" } else { "is no server admin" };
    let _ = writeln!(text, "  {admin}: {}", server_admin.because);
    for RoomExplanation { room, observed, power, because, .. } in rooms {
        let state = match *observed {
            "join" => format!("is in {room}"),
            "invite" => format!("is invited to {room}"),
            "ban" => format!("is banned from {room}"),
            _ => format!("is not in {room}"),
        };
        let level = if *observed == "join" { format!(" (power {})", power.observed) } else { String::new() };
        let _ = writeln!(text, "  {state}: {because}{level}");
    }
    text
}
