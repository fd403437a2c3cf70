//! Receives messages, as many as can be worked on, for as long as the service runs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use moka::future::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use super::dead_letters::FEWEST_RECEIVES;
use super::deletes;
use super::envelope::Expected;
use super::error::QueueError;
use super::health::Health;
use super::in_flight::InFlight;
use super::seam::Confirmations;
use super::sqs::{Queue, Received};
use super::status::QueueStatus;
use super::timing::Timing;
use super::worker::{GIVE_BACK, Worker};
use crate::complaints::Complaints;
use crate::delays::{Delays, Doubling};

/// As many messages as SQS gives at once.
const BATCH: usize = 10;

/// How many messages may wait to be deleted; far more than one request takes.
const DELETIONS: usize = 1_000;

/// How long the last deletions may take.
const FLUSH: Duration = Duration::from_secs(3);

/// Refusals that are remembered, and for how long: until the dead-letter queue has the message.
const REFUSED_AT_MOST: u64 = 10_000;
const REFUSED_FOR: Duration = Duration::from_secs(60 * 60);

/// A consumer of the queue. Several may share a queue, in one process or in many.
#[derive(Debug)]
pub struct Consumer<C> {
    pub queue: Queue,
    /// Confirms or refuses what the messages say.
    pub confirmations: C,
    /// What a message must agree with.
    pub expected: Expected,
    /// How many messages are worked on at once.
    pub concurrency: u16,
    /// How long SQS hides a message; extended while one is worked on.
    pub visibility_timeout: Duration,
    /// The waits; [`Queue::timing`] outside of tests.
    pub timing: Timing,
    /// Told how the consumer fares.
    pub status: QueueStatus,
}

impl<C: Confirmations> Consumer<C> {
    /// Works until `stop`, whatever SQS does, and then for at most 25 s: polling ends at once, messages that are being worked
    /// on are finished, all others are given back.
    pub async fn run(self, stop: CancellationToken) {
        let (done, deletions) = mpsc::channel(DELETIONS);
        let deleting = tokio::spawn(deletes::run(self.queue.clone(), deletions));
        let cut = CancellationToken::new();
        let drain = self.timing.drain;
        let worker = Arc::new(Worker {
            queue: self.queue,
            confirmations: self.confirmations,
            expected: self.expected,
            timing: self.timing,
            hidden: self.visibility_timeout,
            in_flight: InFlight::new(self.status.clone()),
            health: Health::new(self.status.clone()),
            status: self.status,
            refused: Cache::builder().max_capacity(REFUSED_AT_MOST).time_to_live(REFUSED_FOR).build(),
            done,
            stop,
            closed: CancellationToken::new(),
            cut: cut.clone(),
        });
        let tasks = TaskTracker::new();
        let mut poller = Poller {
            worker: worker.clone(),
            slots: Arc::new(Semaphore::new(usize::from(self.concurrency))),
            tasks: tasks.clone(),
            failing: self.timing.poll_pauses(),
            complaints: Complaints::default(),
        };
        tokio::select! {
            () = poller.poll() => {}
            () = watch_attributes(&worker) => {}
        }
        worker.closed.cancel();
        tasks.close();
        if timeout(drain, tasks.wait()).await.is_err() {
            warn!(messages = tasks.len(), "messages that take too long are given back");
            cut.cancel();
            // A message that could not be given back comes back when its visibility ends.
            let _ = timeout(GIVE_BACK, tasks.wait()).await;
        }
        // With the last sender gone the deletions end when they are through.
        drop((poller, worker));
        if timeout(FLUSH, deleting).await.is_err() {
            warn!("the last deletions did not end in time; the messages come again");
        }
    }
}

struct Poller<C> {
    worker: Arc<Worker<C>>,
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
    failing: Delays,
    complaints: Complaints,
}

impl<C: Confirmations> Poller<C> {
    /// Receives until the stop.
    async fn poll(&mut self) {
        let stop = self.worker.stop.clone();
        let mut doubting = self.worker.timing.poll_pauses();
        loop {
            // In trouble one message now and then shows whether the trouble lasts, or was that of a single message.
            let most = if self.worker.health.is_troubled() { 1 } else { BATCH };
            if most == 1 {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.worker.health.until_well() => continue,
                    () = sleep(doubting.next_delay()) => {}
                }
            } else {
                doubting.reset();
            }
            let Some(slots) = stop.run_until_cancelled(self.free_slots(most)).await else { return };
            match self.receive(slots.len()).await {
                None => return,
                Some(Ok(messages)) => self.received(messages, slots).await,
                Some(Err(error)) => {
                    let pause = self.failed(&error);
                    drop(slots);
                    stop.run_until_cancelled(sleep(pause)).await;
                }
            }
            if stop.is_cancelled() {
                return;
            }
        }
    }

    /// Waits for a slot and takes the others that are free, `most` in all.
    async fn free_slots(&self, most: usize) -> Vec<OwnedSemaphorePermit> {
        let first = self.slots.clone().acquire_owned().await;
        // Nobody closes the semaphore.
        let mut slots: Vec<_> = first.into_iter().collect();
        while slots.len() < most
            && let Ok(another) = self.slots.clone().try_acquire_owned()
        {
            slots.push(another);
        }
        slots
    }

    /// A long poll. When the stop comes it may still end by itself for a moment: a receive that is dropped may have got
    /// messages, which then stay hidden until their visibility ends. Nothing if it did not end.
    async fn receive(&self, most: usize) -> Option<Result<Vec<Received>, QueueError>> {
        let Worker { queue, timing, hidden, stop, .. } = &*self.worker;
        let receive = queue.receive(most, timing.wait, *hidden);
        tokio::pin!(receive);
        tokio::select! {
            biased;
            answer = &mut receive => Some(answer),
            () = stop.cancelled() => timeout(timing.last_receive, receive).await.ok(),
        }
    }

    async fn received(&mut self, messages: Vec<Received>, mut slots: Vec<OwnedSemaphorePermit>) {
        if self.complaints.clear() {
            info!("the queue answers again");
        }
        self.failing.reset();
        self.worker.status.update(|status| {
            status.last_poll = Some(std::time::SystemTime::now());
            status.last_error = None;
        });
        if self.worker.stop.is_cancelled() {
            debug!(messages = messages.len(), "messages that came with the stop are given back");
            join_all(messages.iter().map(|message| async {
                self.worker.give_back(&message.handle, Duration::ZERO).await;
                self.worker.tell_if_last(&message.id, message.receives);
            }))
            .await;
            return;
        }
        for message in messages {
            // A message that is in flight already goes on there.
            let Some(guard) = self.worker.in_flight.take(&message) else { continue };
            let (worker, slot) = (self.worker.clone(), slots.pop());
            self.tasks.spawn(async move {
                worker.work(message, guard).await;
                drop(slot);
            });
        }
        self.worker.in_flight.report();
    }

    /// Logs the failure, once for each reason, and returns how long to wait.
    fn failed(&mut self, error: &QueueError) -> Duration {
        let reason = error.chain();
        if self.complaints.is_new(&error.to_string()) {
            warn!(reason, "cannot receive from the queue; it is tried again");
        }
        self.worker.status.update(|status| status.last_error = Some(reason));
        self.worker.in_flight.report();
        let asked = if let QueueError::Throttled { retry, .. } = error { *retry } else { None };
        self.failing.next_delay().max(asked.unwrap_or_default().min(self.worker.timing.longest_poll_pause))
    }
}

/// Asks now and then what the queue does with messages that were received too often. The last answer stands when asking fails.
async fn watch_attributes<C>(worker: &Worker<C>) {
    let mut pauses = Doubling { first: worker.timing.first_pause, longest: worker.timing.attributes_interval }.delays();
    let mut complaints = Complaints::default();
    loop {
        let wait = match worker.queue.redrive().await {
            Ok(redrive) => {
                complaints.clear();
                pauses.reset();
                let before = worker.status.snapshot().redrive;
                worker.status.update(|status| status.redrive = Some(redrive));
                if redrive.is_too_soon() && before != Some(redrive) {
                    warn!(
                        ?redrive,
                        "the queue gives messages up before the pool may know of them; set maxReceiveCount of its RedrivePolicy to \
                         {FEWEST_RECEIVES} or more"
                    );
                }
                worker.timing.attributes_interval
            }
            Err(error) => {
                if complaints.is_new(&error.to_string()) {
                    warn!(
                        reason = error.chain(),
                        "cannot find out whether the queue has a dead-letter queue; refused messages stay in it"
                    );
                }
                pauses.next_delay()
            }
        };
        sleep(wait).await;
    }
}
