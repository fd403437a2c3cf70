//! `status`: what is enforced, how each room stands, and what is held. Reads everything, writes nothing.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use super::page::Screen;
use super::{people, print, show};
use crate::config::ConfigLocation;
use crate::operations::{self, Status};
use crate::reconcile::plan_once;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// The answer of `status --json`.
#[derive(Serialize)]
struct StatusAnswer<'a> {
    /// Since when nothing is written, and by whose word.
    paused: Option<&'a str>,
    #[serde(flatten)]
    status: &'a Status,
}

pub(super) async fn run(location: &ConfigLocation, arguments: Arguments) -> Result<ExitCode> {
    let (context, store) = super::open_to_read(location).await?;
    let mut reconciler = context.reconciler(&store).await?;
    let (plan, errors) = plan_once(&mut reconciler).await?;
    let mut status = operations::status(&reconciler, &plan);
    let held = store.held_plan().await.context("look at what is held")?;
    let held = held.filter(|held| status.held_id.as_ref() == Some(&held.id)).map(|held| held.to_string());
    let paused = store.paused().await.context("look at the brake")?.map(|paused| paused.to_string());
    let texts = paused.iter().chain(&held).chain(status.wrong()).map(String::as_str);
    let names = people::names_in(&context, texts).await;
    if arguments.json {
        status.notices.extend(held);
        people::print_json(&StatusAnswer { paused: paused.as_deref(), status: &status }, &names)?;
    } else {
        print::page(&show::status(&status, paused.as_deref(), held.as_deref(), &names, Screen::of_answers()));
    }
    print::errors(&errors, status.notices.iter().chain(&status.trouble));
    Ok(if errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
