//! `apply`: one pass. Where a service reconciles, it is asked; two never write at once.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::page::Screen;
use super::{people, print, show};
use crate::config::ConfigLocation;
use crate::operations;
use crate::reconcile::{PassReport, apply_once};
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Approve what the guard holds, by the id that `plan` shows: what was shown then, as far as it is still held
    #[arg(long, value_name = "ID")]
    approve: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(location: &ConfigLocation, arguments: Arguments) -> Result<ExitCode> {
    let (context, store) = super::open(location).await?;
    let (bar, by) = (bar(), super::caller());
    // As in the Staff room capitals do not matter.
    let approve = arguments.approve.map(|id| id.to_ascii_lowercase());
    let report = match store.try_lead().await? {
        Some(leadership) => {
            let stop = leadership.lost().child_token();
            tokio::spawn(super::stop_at_ctrl_c(stop.clone()));
            let mut reconciler = context.reconciler(&store).await?;
            // Stopped by Ctrl-Z it loses the lead like a frozen service does.
            reconciler.write_under(leadership.lease().clone());
            reconciler.account_check = context.account_check(&store).await;
            let approve = approve.as_deref().map(|id| (id, by.as_str()));
            apply_once(&mut reconciler, &stop, approve, |done, of| show_progress(&bar, done, of)).await?
        }
        None => ask(&store, &bar, approve.as_deref(), &by).await?,
    };
    bar.finish_and_clear();
    let names = people::names_in(&context, show::texts_of_report(&report)).await;
    if arguments.json {
        people::print_json(&report, &names)?;
    } else {
        print::page(&show::report(&report, &names, Screen::of_answers()));
    }
    Ok(ExitCode::from(report.exit_code()))
}

/// Asks the service that reconciles, and waits for its report.
async fn ask(store: &Store, bar: &ProgressBar, approve: Option<&str>, by: &str) -> Result<PassReport> {
    let id = operations::request_pass(store, approve.map(|id| (id, None)), by, None).await?;
    let report = operations::wait_for_report(store, id, |done, of| show_progress(bar, done, of)).await?;
    let patience = operations::PATIENCE.as_secs();
    report
        .with_context(|| format!("the running service has not answered for {patience} s; look at its log and /readyz"))
}

/// Drawn on a terminal only.
fn bar() -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} actions, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(0), target).with_style(style)
}

fn show_progress(bar: &ProgressBar, done: usize, of: usize) {
    bar.set_length(of as u64);
    bar.set_position(done as u64);
}
