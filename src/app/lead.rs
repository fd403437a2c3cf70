//! Leading: this replica reconciles while it holds the lock, and stands by while another does.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Settings, pause, queue};
use crate::accounts::PoolSync;
use crate::commands::Desk;
use crate::intake::admin::Readiness;
use crate::intake::queue::QueueStatus;
use crate::reconcile::{Service, Status, Wakes, Window};
use crate::store::Store;

/// How soon the desk moves to the successor of a Staff room that was followed.
const STAFF_ROOM_POLL: Duration = Duration::from_secs(5);

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
    settings: &Settings,
    store: &Store,
    signals: Signals<'_>,
    readiness: &Readiness,
    stop: &CancellationToken,
) {
    let mut standing_by = false;
    while !stop.is_cancelled() {
        match store.try_lead().await {
            Ok(Some(leadership)) => {
                standing_by = false;
                readiness.clear("database");
                if let Err(error) = reconcile(settings, store, signals, readiness, leadership.lost(), stop).await {
                    warn!("reconciling stopped and begins anew: {error:#}");
                    readiness.set("database", Err(format!("{error:#}")));
                }
            }
            Ok(None) => {
                if !standing_by {
                    info!("another replica reconciles; this one takes transactions and stands by");
                }
                standing_by = true;
                // A replica that stands by reads no source, and is ready without.
                ["database", "homeserver", "roster"].into_iter().for_each(|name| readiness.clear(name));
            }
            Err(error) => readiness.set("database", Err(format!("{error:#}"))),
        }
        pause(stop).await;
    }
}

/// Waits until the Staff room is another one than it was: somebody followed it to its successor, and the desk moves too.
async fn staff_room_moved(settings: &Settings, store: &Store, was: Option<String>) {
    if was.is_none() {
        std::future::pending::<()>().await;
    }
    loop {
        tokio::time::sleep(STAFF_ROOM_POLL).await;
        if let Ok(policy) = settings.current_policy(store).await
            && settings.staff_room(&policy).map(|staff| staff.room_id) != was
        {
            return;
        }
    }
}

/// Reconciles until stopped, or until leadership is lost.
async fn reconcile(
    settings: &Settings,
    store: &Store,
    signals: Signals<'_>,
    readiness: &Readiness,
    lost: &CancellationToken,
    stop: &CancellationToken,
) -> Result<()> {
    let readiness = readiness.clone();
    let status = Status::new(move |name, reason| readiness.set(name, reason.map_or(Ok(()), Err)));
    let config = &settings.config;
    let reconciler = settings.reconciler(store).await?;
    let either = stop.child_token();
    // Keeping the account store up to date ends with leadership.
    let _keeping = either.clone().drop_guard();
    if let (Some(cognito), Some(directory)) = (&config.cognito, settings.directory().await) {
        let pool_sync = PoolSync {
            accounts: settings.accounts(store).await,
            directory,
            groups: settings.groups(),
            listing_interval: cognito.listing_interval,
            unknown: reconciler.unknown(),
        };
        tokio::spawn(pool_sync.run(either.clone()));
    }
    let Signals { wakes, heard, queue: queue_status } = signals;
    let (window, inside) = Window::new(wakes.clone());
    let teller = inside.queue_teller();
    let staff = settings.staff_room(&settings.current_policy(store).await?);
    let staff_room = staff.as_ref().map(|staff| staff.room_id.clone());
    let desk = match staff {
        Some(staff) => Some(Desk::new(staff, settings.accounts(store).await, settings.homeserver().await?, window)),
        None => None,
    };
    let service = Service {
        reconciler,
        wakes: wakes.clone(),
        status,
        poll_interval: config.roster.as_ref().map_or(Duration::from_secs(3600), |roster| roster.poll_interval),
        resync_interval: config.mirror.resync_interval,
        inside,
    };
    let watch = async {
        lost.cancelled().await;
        either.cancel();
    };
    let running = service.run(&either);
    let working = async {
        let Some(desk) = desk else { return std::future::pending().await };
        let watching = async {
            queue::watch(settings, queue_status, &teller).await;
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            never = desk.work(heard) => never,
            never = watching => never,
        }
    };
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => ended,
        () = staff_room_moved(settings, store, staff_room) => {
            either.cancel();
            running.await
        }
        never = working => match never {},
        () = watch => {
            running.await?;
            Err(anyhow!("leadership was lost with its database connection"))
        }
    }
}
