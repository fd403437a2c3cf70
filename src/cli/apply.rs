//! `apply`: one pass. Where a service reconciles, it is asked; two never write at once.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::show;
use crate::reconcile::{PassReport, apply_once};
use crate::store::Store;

/// How often the running service's answer is looked for.
const LOOK: Duration = Duration::from_millis(200);

/// A service that shows no progress for so long is stuck; the request is then taken back.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Carry out what the guard holds, by the id that `plan` shows; refused when it has changed since
    #[arg(long, value_name = "ID")]
    approve: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<ExitCode> {
    let (context, store) = super::open(path).await?;
    let (bar, by) = (bar(), super::caller());
    let report = match store.try_lead().await? {
        Some(leadership) => {
            let stop = leadership.lost().child_token();
            tokio::spawn(super::stop_at_ctrl_c(stop.clone()));
            let mut reconciler = context.reconciler(&store).await?;
            let approve = arguments.approve.as_deref().map(|id| (id, by.as_str()));
            apply_once(&mut reconciler, &stop, approve, |done, of| show_progress(&bar, done, of)).await?
        }
        None => ask(&store, &bar, arguments.approve.as_deref(), &by).await?,
    };
    bar.finish_and_clear();
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report).context("write the report")?);
    } else {
        print!("{}", show::report(&report));
    }
    Ok(ExitCode::from(report.exit_code()))
}

/// Asks the service that reconciles, and waits for its report.
async fn ask(store: &Store, bar: &ProgressBar, approve: Option<&str>, by: &str) -> Result<PassReport> {
    let id = store.request_pass(approve, by).await.context("ask the running service for a pass")?;
    let (mut progress, mut since) = (None, Instant::now());
    loop {
        let request = store.pass_request(id).await.context("look for the service's report")?;
        let request = request.context("the request for a pass has vanished from the database")?;
        if let Some(report) = request.report {
            return serde_json::from_value(report).context("read the service's report; is it of another version?");
        }
        if request.progress != progress {
            (progress, since) = (request.progress, Instant::now());
            let count = |name: &str| progress.as_ref().and_then(|progress| progress[name].as_u64()).unwrap_or_default();
            show_progress(bar, usize::try_from(count("done"))?, usize::try_from(count("of"))?);
        }
        if since.elapsed() > PATIENCE {
            store.withdraw_pass_request(id).await.context("take the request back")?;
            bail!("the running service has not answered for {} s; look at its log and /readyz", PATIENCE.as_secs());
        }
        tokio::time::sleep(LOOK).await;
    }
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

#[cfg(test)]
mod tests {
    #[test]
    fn a_report_survives_the_database() {
        let report = super::PassReport { done: 3, held: 1, ..Default::default() };
        let value = serde_json::to_value(&report).unwrap();
        assert_eq!(serde_json::from_value::<super::PassReport>(value).unwrap(), report);
    }
}
