//! `backfill`: lists the whole pool once, with progress. Where the service lists it already, that listing is shown.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use provisioner_policy::how_many;
use tokio_util::sync::CancellationToken;

use super::print;
use crate::accounts::{ListedSoFar, ListingError, keep_groups, list_pool};
use crate::app::Context;
use crate::config::ConfigLocation;
use crate::store::{Listing, ListingLock, Store};

/// How often the service's listing is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How often to ask whether the process that lists is still there: it takes a connection of its own.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// How often a line is printed where there is no terminal.
const SAY: Duration = Duration::from_secs(5);

pub(super) async fn run(location: &ConfigLocation) -> Result<ExitCode> {
    super::logs::for_command();
    let context = Context::load(location)?;
    let directory =
        context.directory().await.context("there is no user pool to list; add [cognito] to the configuration")?;
    let store = context.open_store().await?;
    let mut shown = ListingProgress::new();
    let lock = match store.try_list().await.context("ask for the right to list the pool")? {
        Some(lock) => lock,
        None => {
            print::note("the running service is listing the pool already; this is how far it is");
            match follow(&store, &mut shown).await? {
                ListingEnd::Listed { users } => {
                    shown.end();
                    print::line(format_args!("The pool is listed: {}.", how_many(users, "user", "users")));
                    return Ok(ExitCode::SUCCESS);
                }
                ListingEnd::Left(lock) => {
                    print::note("that listing was left where it was; it goes on here");
                    lock
                }
            }
        }
    };
    let stop = CancellationToken::new();
    tokio::spawn(super::stop_at_ctrl_c(stop.clone()));
    let progress = |so_far| shown.show(so_far);
    let listed = list_pool(&store, &directory, &context.server(), &lock, &stop, progress).await;
    lock.release().await;
    shown.end();
    keep_groups(&store, &directory, &context.server(), &context.groups()).await?;
    match listed {
        Ok(listed) => {
            print::line(format_args!(
                "The pool is listed: {}, of which {} new or changed; missing of those known before: {}, gone for good: {}.",
                how_many(listed.users, "user", "users"),
                listed.changed,
                listed.missed,
                listed.deleted
            ));
            print::line(
                "A running service acts on it at once; without one, `phenom-provisioner plan` shows what follows.",
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(ListingError::Stopped) => bail!("stopped; the next backfill goes on where this one was"),
        Err(error) => Err(error.into()),
    }
}

/// What became of a listing that another process made.
enum ListingEnd {
    /// It is whole.
    Listed { users: i64 },
    /// The process that made it is gone, and the right to list is ours.
    Left(ListingLock),
}

/// Shows the listing that another process makes until it ends, or until nobody makes it any more.
async fn follow(store: &Store, shown: &mut ListingProgress) -> Result<ListingEnd> {
    let before = store.last_whole_listing().await.context("look at the last whole listing")?;
    let expected = before.as_ref().and_then(|listing| u64::try_from(listing.users).ok());
    let (before, began) = (before.map(|listing| listing.id), store.now().await.context("read the database's clock")?);
    let whole_since = async || {
        let whole = store.last_whole_listing().await.context("look at the last whole listing")?;
        anyhow::Ok(whole.filter(|whole| Some(whole.id) != before))
    };
    let mut asked = Instant::now();
    loop {
        if let Some(Listing { users, .. }) = whole_since().await? {
            return Ok(ListingEnd::Listed { users });
        }
        match store.last_listing().await.context("look at the listing")? {
            // What it has had from its beginning is of the listing before it.
            Some(Listing { trouble: Some(trouble), started_at, updated_at, .. })
                if updated_at > began.max(started_at) =>
            {
                shown.end();
                bail!("the service's listing stumbles: {trouble}");
            }
            Some(Listing { completed_at: None, pages, users, .. }) => {
                let (pages, users) = (u64::try_from(pages).unwrap_or(0), u64::try_from(users).unwrap_or(0));
                shown.show(ListedSoFar { pages, users, expected });
            }
            // It has not begun yet, or the next look finds it whole.
            Some(_) | None => {}
        }
        if asked.elapsed() >= ASK_AGAIN {
            asked = Instant::now();
            if let Some(lock) = store.try_list().await.context("ask for the right to list the pool")? {
                // It may have ended between the two looks.
                return Ok(match whole_since().await? {
                    Some(Listing { users, .. }) => ListingEnd::Listed { users },
                    None => ListingEnd::Left(lock),
                });
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Progress on a terminal as a bar, elsewhere as a line now and then.
struct ListingProgress {
    bar: ProgressBar,
    lines: bool,
    first: Option<(Instant, u64)>,
    said: Option<Instant>,
}

impl ListingProgress {
    fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        Self { bar, lines: !terminal, first: None, said: None }
    }

    fn show(&mut self, progress: ListedSoFar) {
        let now = Instant::now();
        let (since, users_then) = *self.first.get_or_insert((now, progress.users));
        let words = words(progress, now - since, progress.users - users_then.min(progress.users));
        self.bar.set_message(words.clone());
        self.bar.tick();
        if self.lines && self.said.is_none_or(|said| said + SAY < now) {
            print::note(&words);
            self.said = Some(now);
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// How far it is, how fast, and how long it will take.
fn words(progress: ListedSoFar, elapsed: Duration, listed: u64) -> String {
    let ListedSoFar { pages, users, expected } = progress;
    let seconds = elapsed.as_secs_f64();
    let rate = if seconds > 0.0 { listed as f64 / seconds } else { 0.0 };
    let left = match expected {
        Some(expected) if rate > 0.0 => {
            let left = Duration::from_secs((expected.saturating_sub(users) as f64 / rate).round() as u64);
            format!("about {} left", humantime::format_duration(left))
        }
        _ => "time left unknown (the first listing)".to_owned(),
    };
    format!("page {pages}, {users} users, {rate:.0} users/s, {left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_how_fast_and_how_long() {
        let progress = ListedSoFar { pages: 10, users: 600, expected: Some(1200) };
        let line = words(progress, Duration::from_secs(2), 600);
        assert_eq!(line, "page 10, 600 users, 300 users/s, about 2s left");
        let first = words(ListedSoFar { expected: None, ..progress }, Duration::from_secs(2), 600);
        assert_eq!(first, "page 10, 600 users, 300 users/s, time left unknown (the first listing)");
    }
}
