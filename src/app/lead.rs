//! Leading: this replica reconciles while it holds the lock, and stands by while another does.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{CONDITIONS, Context, DATABASE, Heartbeat, events, pause, queue};
use crate::accounts::PoolSync;
use crate::causes::told;
use crate::commands::Desk;
use crate::intake::admin::Readiness;
use crate::intake::queue::QueueStatus;
use crate::reconcile::{LeadGauges, ReadinessReporter, ReconcilerHandle, Service, StatusPublisher, Wakes};
use crate::store::{Leadership, Noticed, Store};

/// How soon the desk moves to the successor of a Staff room that was followed.
const STAFF_ROOM_POLL: Duration = Duration::from_secs(5);

/// How long commands may take to end after that, and how often that is looked at.
const LAST_COMMANDS: Duration = Duration::from_secs(8);
const COMMAND_POLL: Duration = Duration::from_millis(100);

/// How long the last events may take to be sent.
const LAST_EVENTS: Duration = Duration::from_secs(2);

/// How long what is under way may take to end after a request to stop, and after the lead was lost.
const LONGEST_END: Duration = Duration::from_secs(20);
const LONGEST_END_WITHOUT_LEAD: Duration = Duration::from_secs(5);

/// What the rest of the service tells the one that leads.
#[derive(Clone, Copy)]
pub(super) struct Signals<'a> {
    pub(super) wakes: &'a Wakes,
    /// Notified when something was said in the Staff room.
    pub(super) heard: &'a Notify,
    pub(super) queue: &'a QueueStatus,
}

/// Reconciles whenever this replica leads, and stands by when another does.
pub(super) async fn lead(
    context: &Context,
    store: &Store,
    signals: Signals<'_>,
    readiness: &Readiness,
    heartbeat: &Heartbeat,
    stop: &CancellationToken,
) {
    let mut standing_by = false;
    while !stop.is_cancelled() {
        let Some(leading) = stop.run_until_cancelled(store.try_lead()).await else { return };
        match leading {
            Ok(Some(leadership)) => {
                standing_by = false;
                readiness.clear(DATABASE);
                let status = StatusPublisher::default();
                heartbeat.leads(&status);
                let reconciling = reconcile_and_tell(context, store, signals, readiness, &leadership, &status, stop);
                // What hangs does not keep a process from ending, nor from standing by for who leads now. Attempts without an
                // end become interrupted, and what they did is read from Synapse.
                let ended = tokio::select! {
                    ended = reconciling => ended,
                    () = must_end(leadership.lost(), stop) => Err(anyhow!("what was under way did not end in time")),
                };
                heartbeat.leads_no_longer();
                if let Err(error) = ended {
                    warn!("reconciling stopped and begins anew: {}", told(error.as_ref()));
                    readiness.set(DATABASE, Err(told(error.as_ref())));
                }
            }
            Ok(None) => {
                if !standing_by {
                    info!("another replica reconciles; this one takes transactions and stands by");
                }
                standing_by = true;
                // A replica that stands by reads no source, and is ready without.
                CONDITIONS.into_iter().for_each(|(name, _)| readiness.clear(name));
            }
            Err(error) => readiness.set(DATABASE, Err(told(error.as_ref()))),
        }
        pause(stop).await;
    }
}

/// Waits until what is under way has had its time to end, after a signal or after the lead was lost.
async fn must_end(lost: &CancellationToken, stop: &CancellationToken) {
    let patience = tokio::select! {
        () = stop.cancelled() => LONGEST_END,
        () = lost.cancelled() => LONGEST_END_WITHOUT_LEAD,
    };
    tokio::time::sleep(patience).await;
}

/// Waits until the Staff room is another one than it was: somebody followed it to its successor, and the desk moves too.
async fn staff_room_moved(context: &Context, store: &Store, was: Option<String>) {
    if was.is_none() {
        std::future::pending::<()>().await;
    }
    loop {
        tokio::time::sleep(STAFF_ROOM_POLL).await;
        if let Ok(policy) = context.current_policy(store).await
            && context.staff_room(&policy).map(|staff| staff.room_id) != was
        {
            return;
        }
    }
}

/// Waits until no command is under way, though not for long: the one that moved the room has not been answered yet perhaps, and
/// would be told as interrupted.
async fn commands_end(store: &Store) {
    let ended = async {
        while !matches!(store.is_command_under_way().await, Ok(false)) {
            tokio::time::sleep(COMMAND_POLL).await;
        }
    };
    if tokio::time::timeout(LAST_COMMANDS, ended).await.is_err() {
        warn!("a command is cut short, because the Staff room has moved");
    }
}

/// Reconciles until stopped, or until leadership is lost, and tells others of it meanwhile. What others are told keeps nobody
/// up: what is being sent at the end is waited for, and not for long.
async fn reconcile_and_tell(
    context: &Context,
    store: &Store,
    signals: Signals<'_>,
    readiness: &Readiness,
    leadership: &Leadership,
    status: &StatusPublisher,
    stop: &CancellationToken,
) -> Result<()> {
    let over = CancellationToken::new();
    let reconciling = async {
        let ended = reconcile(context, store, signals, readiness, leadership, status, stop).await;
        over.cancel();
        ended
    };
    let telling = async {
        tokio::select! {
            () = events::publish(context, store, leadership, status, &over) => {}
            () = async { over.cancelled().await; tokio::time::sleep(LAST_EVENTS).await } => {}
        }
    };
    tokio::join!(reconciling, telling).0
}

/// Reconciles until stopped, or until leadership is lost.
async fn reconcile(
    context: &Context,
    store: &Store,
    signals: Signals<'_>,
    readiness: &Readiness,
    leadership: &Leadership,
    status: &StatusPublisher,
    stop: &CancellationToken,
) -> Result<()> {
    let _gauges = LeadGauges::begin(&context.policy);
    let readiness = readiness.clone();
    let reporter = ReadinessReporter::new(move |name, reason| readiness.set(name, reason.map_or(Ok(()), Err)));
    let config = &context.config;
    let mut reconciler = context.reconciler(store).await?;
    reconciler.write_under(leadership.lease().clone());
    reconciler.notes_leaves = config.events.is_some();
    let accounts = context.accounts(store).await;
    reconciler.account_check = context.account_check(store).await;
    let either = stop.child_token();
    // Keeping the account store up to date ends with leadership.
    let _keeping = either.clone().drop_guard();
    if let (Some(cognito), Some(directory)) = (&config.cognito, context.directory().await) {
        let pool_sync = PoolSync {
            accounts: accounts.clone(),
            directory,
            groups: context.groups(),
            listing_interval: cognito.listing_interval,
            unknown: reconciler.unknown(),
        };
        tokio::spawn(pool_sync.run(either.clone()));
    }
    let Signals { wakes, heard, queue: queue_status } = signals;
    let (handle, queries) = ReconcilerHandle::new(wakes.clone(), status);
    let staff = context.staff_room(&context.current_policy(store).await?);
    let staff_room = staff.as_ref().map(|staff| staff.room_id.clone());
    let desk = match staff {
        Some(staff) => {
            let certain = leadership.lease().clone();
            let homeserver = context.homeserver().await?.writing_while(move || certain.holds());
            Some(Desk::new(staff, accounts, homeserver, handle))
        }
        None => None,
    };
    let service = Service {
        reconciler,
        wakes: wakes.clone(),
        readiness: reporter,
        poll_interval: config.roster.as_ref().map_or(Duration::from_secs(3600), |roster| roster.poll_interval),
        resync_interval: config.mirror.resync_interval,
        queries,
        status: status.clone(),
        noticed: Noticed::default(),
    };
    let lost = leadership.lost();
    let watch = async {
        lost.cancelled().await;
        either.cancel();
    };
    let running = service.run(&either);
    let working = async {
        let Some(desk) = desk else { return std::future::pending().await };
        let watching = async {
            queue::watch(context, queue_status, status).await;
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            never = desk.work(heard) => never,
            never = watching => never,
        }
    };
    tokio::pin!(running, working);
    tokio::select! {
        ended = &mut running => ended,
        () = staff_room_moved(context, store, staff_room) => {
            tokio::select! {
                ended = &mut running => return ended,
                () = commands_end(store) => {}
                never = &mut working => match never {},
            }
            either.cancel();
            running.await
        }
        never = &mut working => match never {},
        () = watch => {
            running.await?;
            Err(anyhow!("leadership was lost with its database connection"))
        }
    }
}
