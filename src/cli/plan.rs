//! `plan`: what would be done. Reads everything, writes nothing.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::page::Screen;
use super::{people, print, show};
use crate::config::ConfigLocation;
use crate::reconcile::plan_once;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
    /// Leave nothing out of a long list
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(location: &ConfigLocation, arguments: Arguments) -> Result<ExitCode> {
    let (context, store) = super::open_to_read(location).await?;
    let mut reconciler = context.reconciler(&store).await?;
    let (plan, errors) = plan_once(&mut reconciler).await?;
    let mut view = plan.view(reconciler.world());
    let held = store.held_plan().await.context("look at what is held")?;
    view.notices.extend(held.filter(|held| view.held_id.as_ref() == Some(&held.id)).map(|held| held.to_string()));
    view.notices.extend(store.paused().await.context("look at the brake")?.map(|paused| paused.to_string()));
    let names = people::names_in(&context, show::texts_of_plan(&view)).await;
    if arguments.json {
        people::print_json(&view, &names)?;
    } else {
        print::page(&show::plan(&view, &names, Screen::of_answers(), arguments.all, errors.is_empty()));
    }
    print::errors(&errors, view.notices.iter());
    Ok(match (errors.is_empty(), plan.is_empty()) {
        (false, _) => ExitCode::FAILURE,
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(2),
    })
}
