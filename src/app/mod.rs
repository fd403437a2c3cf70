//! The composition root: builds every part from the configuration, connects them, and shuts them down.

mod confirmations;
mod context;
mod events;
mod heartbeat;
mod inbox;
mod interest;
mod lead;
mod queue;

mod startup;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use provisioner_policy::Policy;
use ruma::{OwnedRoomId, RoomId, UserId};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

pub use self::context::Context;
use self::heartbeat::Heartbeat;
pub use self::inbox::Inbox;
use self::lead::Signals;
use crate::causes::told;
use crate::commands;
pub use crate::commands::commands_that_read;
use crate::homeserver::{self, Homeserver};
use crate::intake::admin::{self, Admin, DATABASE, Readiness};
use crate::intake::appservice::{self, AppService, Interest, SharedInterest};
use crate::intake::{self, SharedSecret, Wake, server};
use crate::reconcile::{self, Wakes, Woken};
use crate::sources;
use crate::store::{ACCOUNTS_CHANNEL, COMMANDS_CHANNEL, FOLLOWS_CHANNEL, INBOX_CHANNEL, REQUESTS_CHANNEL, Store};
use crate::version;

/// What must be so before a replica is ready, and why it is not at first.
const CONDITIONS: [(&str, &str); 4] = [
    (DATABASE, "not opened yet"),
    (reconcile::HOMESERVER, "not read yet"),
    (reconcile::ROSTER, "not read yet"),
    (reconcile::POOL, "not read yet"),
];

/// What is in flight may take this long after the first signal.
const DRAIN: Duration = Duration::from_secs(25);

/// Between attempts to reach the database, or to take leadership over.
const RETRY: Duration = Duration::from_secs(2);

/// How often the metrics recorder tidies its histograms.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// Runs the service until `stop`.
pub async fn run(context: Context, stop: CancellationToken) -> Result<()> {
    let context = Arc::new(context);
    let config = &context.config;
    // Reading the certificates takes a while, and nobody needs it before the database is there.
    tokio::spawn({
        let context = Arc::clone(&context);
        async move { context.homeserver().await.map(drop) }
    });
    let metrics =
        metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().context("install metrics")?;
    appservice::describe_metrics();
    reconcile::describe_metrics();
    intake::queue::describe_metrics();
    crate::events::describe_metrics();
    commands::describe_metrics();
    homeserver::describe_metrics();
    version::show_metric();
    reconcile::begin_counters(&context.policy);
    for warning in context.registration.warnings() {
        warn!("{}: {warning}", config.appservice.registration_name().display());
    }
    let readiness = Readiness::waiting_for(CONDITIONS);
    let wakes = Wakes::default();
    let heard = Arc::new(Notify::new());
    let tasks = TaskTracker::new();
    let upkeep = metrics.clone();
    tasks.spawn(every(METRICS_UPKEEP, stop.clone(), move || upkeep.run_upkeep()));
    let heartbeat = Heartbeat::new(readiness.clone());
    tasks.spawn(heartbeat.clone().run(stop.clone()));

    let admin_listener = server::bind("admin.listen", config.admin.listen).await?;
    let listener = server::bind("appservice.listen", config.appservice.listen).await?;
    let wake_roster = waker(&wakes, Woken::ROSTER);
    let hook_secret = config.admin.hook_secret.as_ref().map(|secret| SharedSecret::new(secret.expose()));
    let admin = admin::router(Admin { readiness: readiness.clone(), metrics, hook_secret, wake_roster });
    // Transactions are taken for a while after the signal: those who look us up learn late that we go.
    let (closing, ending) = (CancellationToken::new(), Arc::new(OnceLock::new()));
    let linger = config.appservice.linger;
    tokio::spawn({
        let (stop, closing, ending) = (stop.clone(), closing.clone(), Arc::clone(&ending));
        async move {
            stop.cancelled().await;
            // Set once: this is the only place.
            let _ = ending.set(Instant::now() + DRAIN);
            tokio::time::sleep(linger).await;
            closing.cancel();
        }
    });
    tasks.spawn(server::serve(admin_listener, admin, closing.clone(), DRAIN - linger));

    let inbox = Inbox::default();
    let interesting = SharedInterest::new(interest(&context, &context.policy)?);
    let service = appservice::router(AppService {
        hs_token: SharedSecret::new(context.registration.hs_token.expose()),
        interest: interesting.clone(),
        inbox: inbox.clone(),
        wake: waker(&wakes, Woken::INBOX),
    });
    tasks.spawn(server::serve(listener, service, closing, DRAIN - linger));
    info!(listen = %config.appservice.listen, admin = %config.admin.listen, environment = config.environment, "listening");

    let store = startup::open_store(&context, &readiness, &stop);
    let checking = async { stop.run_until_cancelled(startup::check_sources(&context)).await.unwrap_or(Ok(())) };
    let ((), store) = tokio::try_join!(checking, store)?;
    let Some(store) = store else { return Ok(()) };
    if interest::begin(&context, &store, &interesting, &stop).await {
        inbox.open(store.clone());
    }
    tasks.spawn(ping(context.homeserver().await?, context.registration.id.clone()));
    let queue_status = intake::queue::QueueStatus::default();
    tasks.spawn({
        let (context, store, stop) = (Arc::clone(&context), store.clone(), stop.clone());
        let status = queue_status.clone();
        async move { queue::consume(&context, &store, status, stop).await }
    });
    tasks.spawn({
        let (status, readiness) = (queue_status.clone(), readiness.clone());
        every(queue::LOOK, stop.clone(), move || queue::tell(&status, &readiness))
    });
    let moved = Arc::new(Notify::new());
    tasks.spawn(listen_to_database(store.clone(), wakes.clone(), Arc::clone(&moved), Arc::clone(&heard), stop.clone()));
    tasks.spawn(interest::keep(Arc::clone(&context), store.clone(), interesting, moved, stop.clone()));
    if let (Some(roster), Some(source)) = (&config.roster, context.another_roster()?)
        && let Some(channel) = &roster.notify_channel
    {
        let wakes = wakes.clone();
        let wake = move |_: &str| wakes.wake(Woken::ROSTER);
        tasks.spawn(sources::listen(source.pool().clone(), vec![channel.clone()], wake, stop.clone()));
    }
    let signals = Signals { wakes: &wakes, heard: &heard, queue: &queue_status };
    let roster = context.roster()?;
    let ended = tokio::select! {
        () = lead::lead(&context, &store, signals, &readiness, &heartbeat, &stop) => Ok(()),
        refused = startup::password_refused(&store, roster.as_ref()) => Err(refused),
    };
    // What is left ends with it, whatever ended it.
    stop.cancel();
    tasks.close();
    let ending = ending.get().copied().unwrap_or_else(|| Instant::now() + DRAIN);
    if tokio::time::timeout_at(ending, tasks.wait()).await.is_err() {
        warn!("some requests did not end in time and are cut off; Synapse sends them again");
    }
    info!("stopped");
    ended
}

/// Which events matter, by the policy in force.
fn interest(context: &Context, policy: &Policy) -> Result<Interest> {
    let bot = UserId::parse(&policy.bot).context("read the bot's MXID")?;
    let rooms: Result<Vec<OwnedRoomId>, _> = policy.rooms.iter().map(|room| room.id.as_str().try_into()).collect();
    let interest = Interest::new(&bot, rooms.context("read the ids of the rooms")?);
    let Some(staff) = context.staff_room(policy) else { return Ok(interest) };
    let room = RoomId::parse(&staff.room_id).context("read the id of the room that takes commands")?;
    Ok(interest.with_commands(&room, &staff.prefix))
}

/// Asks Synapse to call us. It finds a wrong url at once, and newer Synapses then send at once what they held back while
/// we were away.
async fn ping(homeserver: Homeserver, id: String) {
    match homeserver.ping_appservice(&id, "start").await {
        Ok(round_trip) => info!(milliseconds = round_trip.as_millis(), "Synapse reaches this service"),
        Err(error) => warn!("whether Synapse reaches this service is not known: {}", told(&error)),
    }
}

async fn listen_to_database(
    store: Store,
    wakes: Wakes,
    moved: Arc<Notify>,
    heard: Arc<Notify>,
    stop: CancellationToken,
) {
    let channels = [INBOX_CHANNEL, REQUESTS_CHANNEL, ACCOUNTS_CHANNEL, FOLLOWS_CHANNEL, COMMANDS_CHANNEL]
        .map(str::to_owned)
        .to_vec();
    let wake = move |channel: &str| match channel {
        REQUESTS_CHANNEL => wakes.wake(Woken::REQUESTS),
        ACCOUNTS_CHANNEL => wakes.wake(Woken::ACCOUNTS),
        FOLLOWS_CHANNEL => moved.notify_one(),
        COMMANDS_CHANNEL => heard.notify_one(),
        _ => wakes.wake(Woken::INBOX),
    };
    sources::listen(store.pool().clone(), channels, wake, stop).await;
}

fn waker(wakes: &Wakes, what: Woken) -> Wake {
    let wakes = wakes.clone();
    Wake::new(move || wakes.wake(what))
}

async fn pause(stop: &CancellationToken) {
    stop.run_until_cancelled(tokio::time::sleep(RETRY)).await;
}

async fn every(interval: Duration, stop: CancellationToken, work: impl Fn()) {
    while stop.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
        work();
    }
}
