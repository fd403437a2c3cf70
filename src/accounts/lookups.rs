//! People whom the roster names and the account store does not know are asked for one by one, so that somebody new need not
//! wait for the next listing. A lookup only adds; who is gone is for whole listings to say.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{debug, warn};

use super::confirm::{Confirmed, Confirmer};
use crate::store::{AccountSource, SeenIn};

/// Whoever the pool did not know is asked for again after this, doubled each time up to the longest.
const FIRST_AGAIN: Duration = Duration::from_secs(15);
const LONGEST_AGAIN: Duration = Duration::from_secs(3600);

/// So often in a row the pool has to say that it does not know somebody before that is believed: its listings run late.
const ASKED_ENOUGH: u32 = 3;

/// When a subject was asked for last, and how long not to ask again.
struct Lookup {
    at: Instant,
    rest: Duration,
    absent: u32,
}

/// Asks for whoever is unknown, for ever.
pub(super) async fn look_up(accounts: &Confirmer, mut unknown: watch::Receiver<Vec<String>>) {
    let mut asked: HashMap<String, Lookup> = HashMap::new();
    loop {
        let subjects = unknown.borrow_and_update().clone();
        asked.retain(|subject, _| subjects.binary_search(subject).is_ok());
        for subject in &subjects {
            if asked.get(subject).is_some_and(|asked| asked.at.elapsed() < asked.rest) {
                continue;
            }
            match accounts.confirm(subject, AccountSource::Roster, SeenIn::default()).await {
                Ok(Confirmed::Recorded) => {
                    asked.remove(subject);
                    continue;
                }
                Ok(answer) => {
                    debug!(subject, ?answer, "the roster names somebody whom the pool does not know");
                    let known = asked.get(subject);
                    let rest = known.map_or(FIRST_AGAIN, |asked| (asked.rest * 2).min(LONGEST_AGAIN));
                    let absent = known.map_or(1, |asked| asked.absent + 1);
                    asked.insert(subject.clone(), Lookup { at: Instant::now(), rest, absent });
                    // A refused account is one no more as soon as a listing or a message names it.
                    if absent >= ASKED_ENOUGH
                        && let Err(error) = accounts.refuse(subject, AccountSource::Roster).await
                    {
                        warn!("what the pool says of somebody cannot be recorded: {error:#}");
                    }
                }
                Err(error) => {
                    warn!("somebody whom the roster names cannot be looked up in the pool: {error:#}");
                    let absent = asked.get(subject).map_or(0, |asked| asked.absent);
                    asked.insert(subject.clone(), Lookup { at: Instant::now(), rest: FIRST_AGAIN, absent });
                }
            }
        }
        let again = asked.values().map(|asked| asked.at + asked.rest).min();
        tokio::select! {
            changed = unknown.changed() => if changed.is_err() { return },
            () = at(again) => {}
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
