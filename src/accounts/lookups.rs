//! Lookups: asks the pool, one by one, for people that the roster names and the account store does not know, so that they
//! need not wait for the next listing. A lookup only adds accounts; only whole listings find out who is gone.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep_until;
use tracing::{debug, warn};

use super::confirm::{Confirmed, Confirmer};
use crate::delays::Doubling;
use crate::store::{AccountSource, SeenIn};

/// When the pool is asked again for somebody it did not know.
const AGAIN: Doubling = Doubling { first: Duration::from_secs(15), longest: Duration::from_secs(3600) };

/// The pool must deny a subject this often in a row before that is believed: its listings run late.
const ASKED_ENOUGH: u32 = 3;

/// The last lookup of a subject, how long to wait before the next, and how often the pool denied it.
struct Lookup {
    at: Instant,
    rest: Duration,
    absent: u32,
}

/// Asks for the unknown subjects, for ever.
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
                    let before = asked.get(subject).map_or(0, |asked| asked.absent);
                    let (rest, absent) = (AGAIN.after(before), before + 1);
                    asked.insert(subject.clone(), Lookup { at: Instant::now(), rest, absent });
                    // Refused is not for ever: a listing or a message that names the account makes it active.
                    if absent >= ASKED_ENOUGH
                        && let Err(error) = accounts.refuse(subject, AccountSource::Roster).await
                    {
                        warn!("what the pool says of somebody cannot be recorded: {error:#}");
                    }
                }
                Err(error) => {
                    warn!("somebody whom the roster names cannot be looked up in the pool: {error:#}");
                    let absent = asked.get(subject).map_or(0, |asked| asked.absent);
                    asked.insert(subject.clone(), Lookup { at: Instant::now(), rest: AGAIN.first, absent });
                }
            }
        }
        let again = asked.values().map(|asked| asked.at + asked.rest).min();
        tokio::select! {
            changed = unknown.changed() => if changed.is_err() { return },
            () = sleep_until(again.unwrap_or_else(Instant::now).into()), if again.is_some() => {}
        }
    }
}
