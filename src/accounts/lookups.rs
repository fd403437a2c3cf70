//! Lookups: asks the pool, one by one, for people that the roster names and the pool has not confirmed, so that they need not
//! wait for the next listing: after 15 s, and ever more rarely up to once an hour for as long as they are named. So it does for
//! users who would be removed from a room, and at once for users who got something after the pool denied them. A lookup only
//! adds accounts; only whole listings find out who is gone.

use std::time::Instant;

use provisioner_policy::UnknownSubject;
use tokio::sync::watch;
use tokio::time::sleep_until;
use tracing::{debug, warn};

use super::confirm::{Confirmed, Confirmer};
use super::turns::{ASKED_ENOUGH, Turns, anew};
use crate::causes::told;
use crate::store::{AccountSource, SeenIn};

/// Asks for the unknown subjects, for ever.
pub(super) async fn look_up(accounts: &Confirmer, mut unknown: watch::Receiver<Vec<UnknownSubject>>) {
    let mut turns = Turns::default();
    loop {
        let subjects = unknown.borrow_and_update().clone();
        let (round, more) = turns.next(&subjects, Instant::now());
        for UnknownSubject { subject, .. } in &round {
            let asked_for = anew(&unknown.borrow(), subject);
            let answer = accounts.confirm(subject, AccountSource::Roster, SeenIn::default()).await;
            // They got something while the pool was asked: a denial may be older than that.
            let is_outdated = anew(&unknown.borrow(), subject) > asked_for;
            match answer {
                Ok(Confirmed::Recorded) => turns.rests(subject, Instant::now()),
                Ok(Confirmed::Absent(_)) if is_outdated && turns.forgets(subject, Instant::now()) => {}
                Ok(answer) => {
                    debug!(subject, ?answer, "the roster names somebody whom the pool does not know");
                    let is_believed = turns.denied(subject, Instant::now()) >= ASKED_ENOUGH;
                    // Refused is not for ever: the next lookup that finds the account makes it active, as a listing or a message
                    // does.
                    if let Confirmed::Absent(asked) = answer
                        && is_believed
                        && !is_outdated
                        && !turns.is_recorded(subject)
                    {
                        match accounts.refuse(subject, AccountSource::Roster, asked).await {
                            Ok(true) => turns.recorded(subject),
                            Ok(false) => {
                                warn!(subject, "the pool's answer came too late to be believed; it is asked again");
                                turns.rests(subject, Instant::now());
                            }
                            Err(error) => {
                                warn!("what the pool says of somebody cannot be recorded: {}", told(error.as_ref()));
                                turns.rests(subject, Instant::now());
                            }
                        }
                    }
                }
                Err(error) => {
                    warn!("a user of the roster cannot be looked up in the pool: {}", told(error.as_ref()));
                    turns.rests(subject, Instant::now());
                }
            }
        }
        if more {
            continue;
        }
        let again = turns.again();
        tokio::select! {
            changed = unknown.changed() => if changed.is_err() { return },
            () = sleep_until(again.unwrap_or_else(Instant::now).into()), if again.is_some() => {}
        }
    }
}
