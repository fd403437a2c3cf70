//! Publishing: reads the ledger on from where the topic was told, sends it, and notes how far it came. Never returns with an
//! error: what fails is tried again after a growing delay, and waits in the ledger meanwhile.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backlog::Backlog;
use super::describe::events;
use super::error::TopicError;
use super::status::{EventsStatus, Lag, PublishTrouble, begin_counters, count_failure, count_published, tell_given_up};
use super::topic::Topic;
use crate::delays::{Delays, Doubling};
use crate::store::{Lease, Store};

/// Lines read at once. A kill repeats at most their events.
const PAGE: usize = 200;

/// Between two looks at the ledger where nothing says that it grew.
const LOOK: Duration = Duration::from_secs(5);

/// How often writers are looked for that took a number and have not committed, and how long at once.
const WRITERS_LOOK: Duration = Duration::from_millis(20);
const WRITERS_PATIENCE: Duration = Duration::from_secs(2);

/// Between two attempts of which nothing came.
const PAUSES: Doubling = Doubling { first: Duration::from_secs(1), longest: Duration::from_secs(60) };

/// Publishes what the ledger says was done.
#[derive(Debug)]
pub struct Publisher {
    pub store: Store,
    pub topic: Topic,
    /// `source` of every event.
    pub source: String,
    pub status: EventsStatus,
    /// Nothing is sent while another may lead.
    pub lease: Lease,
    /// Notified when the ledger may have grown.
    pub grown: Arc<Notify>,
}

/// How far it is.
#[derive(Debug, Default)]
struct Progress {
    /// Up to which line the topic was told, as the database has it; nothing before it was asked.
    noted: Option<i64>,
    /// Up to which line the ledger was read.
    read: i64,
    backlog: Backlog,
}

impl Progress {
    /// How late others are, in seconds.
    fn lag(&self) -> f64 {
        self.backlog.oldest().map_or(0.0, |at| (Utc::now() - at).as_seconds_f64())
    }
}

/// What a round came to.
enum Round {
    /// There is more.
    More,
    /// Others know all there is.
    Idle,
}

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("{}", .0.chain())]
    Topic(#[from] TopicError),
    #[error("the ledger cannot be read: {0}")]
    Database(#[from] sqlx::Error),
    #[error("a transaction that writes to the ledger does not end")]
    Writers,
    #[error("this replica may no longer lead")]
    Lease,
}

impl Publisher {
    /// Publishes until the stop. What is being sent then is waited for.
    pub async fn run(self, stop: CancellationToken) {
        begin_counters();
        let (lag, mut progress, mut pauses) = (Lag, Progress::default(), PAUSES.delays());
        while !stop.is_cancelled() {
            match self.round(&mut progress, &stop).await {
                Ok(round) => {
                    pauses.reset();
                    self.status.went_well();
                    lag.set(progress.lag());
                    if matches!(round, Round::Idle) {
                        tokio::select! {
                            () = stop.cancelled() => {}
                            () = self.grown.notified() => {}
                            () = tokio::time::sleep(LOOK) => {}
                        }
                    }
                }
                // That the ledger grows is no reason to try again sooner.
                Err(error) => {
                    let end = Instant::now() + self.trouble(&error, &mut pauses);
                    while !stop.is_cancelled() && Instant::now() < end {
                        lag.set(progress.lag());
                        stop.run_until_cancelled(tokio::time::sleep_until(end.min(Instant::now() + LOOK))).await;
                    }
                }
            }
        }
    }

    /// Tells of what happened and returns how long to wait.
    fn trouble(&self, error: &RoundError, pauses: &mut Delays) -> Duration {
        let (reason, is_misconfigured, at_least) = match error {
            RoundError::Topic(error) => (error.word(), error.is_misconfigured(), error.retry_after()),
            RoundError::Database(_) | RoundError::Writers => ("database", false, None),
            // Who leads then publishes; this one is told to stop.
            RoundError::Lease => return PAUSES.first,
        };
        count_failure(reason);
        self.status.went_badly(reason, PublishTrouble { why: error.to_string(), is_misconfigured });
        pauses.next_delay().max(at_least.unwrap_or_default())
    }

    async fn round(&self, progress: &mut Progress, stop: &CancellationToken) -> Result<Round, RoundError> {
        let Progress { noted, read, backlog } = progress;
        if noted.is_none() {
            let told = self.store.told(self.topic.arn()).await?;
            (*noted, *read) = (Some(told), told);
        }
        // Also where something rests: who else is told shows whether it is that alone.
        let is_all = backlog.len() < PAGE && self.read_on(read, backlog).await?;
        backlog.begin_round();
        let sent = self.send(backlog, stop).await;
        // Also where the rest failed: what others know is not repeated to them.
        let told = backlog.told();
        if noted.is_none_or(|noted| noted < told) {
            self.store.note_told(self.topic.arn(), told).await?;
            *noted = Some(told);
        }
        sent?;
        Ok(if is_all && backlog.is_empty() { Round::Idle } else { Round::More })
    }

    /// Takes in the next lines. Returns whether there are no more.
    async fn read_on(&self, read: &mut i64, backlog: &mut Backlog) -> Result<bool, RoundError> {
        let newest = self.store.newest_line().await?;
        if newest <= *read {
            return Ok(true);
        }
        self.until_settled().await?;
        let most = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let lines = self.store.outbox(*read, newest, most).await?;
        let is_all = lines.len() < PAGE;
        let reaches = lines.last().filter(|_| !is_all).map_or(newest, |last| last.id);
        let described = lines.iter().flat_map(|line| events(line, &self.source));
        tell_given_up(&backlog.take_in(described, reaches));
        *read = reaches;
        Ok(is_all)
    }

    /// Sends until nothing waits but what rests, or all fails.
    async fn send(&self, backlog: &mut Backlog, stop: &CancellationToken) -> Result<(), RoundError> {
        let mut failed = None;
        while !stop.is_cancelled() {
            let batch = backlog.batch();
            if batch.is_empty() {
                break;
            }
            if !self.lease.holds() {
                return Err(RoundError::Lease);
            }
            let deliveries = self.topic.publish(&batch).await?;
            let settled = backlog.settle(deliveries);
            count_published(&settled.taken);
            tell_given_up(&settled.given_up);
            failed = settled.failed.or(failed);
        }
        match failed {
            Some(why) => Err(TopicError::NotTaken(why).into()),
            None => Ok(()),
        }
    }

    /// Waits until every transaction has ended that may have taken a number up to now.
    async fn until_settled(&self) -> Result<(), RoundError> {
        let mut before: HashSet<String> = self.store.ledger_writers().await?.into_iter().collect();
        let patience = Instant::now() + WRITERS_PATIENCE;
        while !before.is_empty() {
            if Instant::now() > patience {
                return Err(RoundError::Writers);
            }
            tokio::time::sleep(WRITERS_LOOK).await;
            let now: HashSet<String> = self.store.ledger_writers().await?.into_iter().collect();
            before.retain(|writer| now.contains(writer));
        }
        Ok(())
    }
}
