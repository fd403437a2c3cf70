//! LISTEN: turns Postgres notifications into wake-ups.
//!
//! A notification lost with its connection costs the delay of a poll. A connection that died unseen, after a failover or behind a
//! firewall, is found out by a heartbeat of our own that is no longer heard.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::postgres::{BoundedPool, within};

/// How long to wait before listening again after the database went away.
const PAUSE: Duration = Duration::from_secs(2);

/// How often a notification of our own is sent, and after how long without one the connection counts as dead.
const HEARTBEAT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);

/// How long connecting, and each question of the beginning, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens until `stop`. `wake` gets the channel's name, and every name at each new connection, for what was missed.
pub async fn listen(pool: BoundedPool, channels: Vec<String>, wake: impl Fn(&str), stop: CancellationToken) {
    // Each listener has a channel of its own: what another process sends proves nothing of this connection.
    let heartbeat = format!("provisioner_heartbeat_{:016x}", rand::random::<u64>());
    let mut said = String::new();
    let listening = async {
        loop {
            let Err(error) = listen_once(&pool, &channels, &heartbeat, &wake, &mut said).await;
            let reason = error.to_string();
            if reason != said {
                warn!(
                    channels = channels.join(", "),
                    "nothing is heard of notifications, and what they are about is found by polling alone: {reason}{}",
                    mend(&error)
                );
                said = reason;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(listening).await;
}

/// What can be done where waiting does not help.
fn mend(error: &sqlx::Error) -> &'static str {
    match error {
        // LISTEN on a standby: 0A000 or 25006, by the version of Postgres.
        sqlx::Error::Database(error) if matches!(error.code().as_deref(), Some("0A000" | "25006")) => {
            "; a standby cannot notify: let the URL lead to the primary, or take notify_channel out and poll more often"
        }
        _ => "",
    }
}

fn dead(why: &str) -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::NotConnected, format!("the connection is gone: {why}")))
}

async fn listen_once(
    pool: &BoundedPool,
    channels: &[String],
    heartbeat: &str,
    wake: &impl Fn(&str),
    said: &mut String,
) -> sqlx::Result<Infallible> {
    let beginning = async {
        let mut listener = pool.listener().await?;
        // A reconnect that nobody sees would wake nobody.
        listener.eager_reconnect(false);
        listener.listen_all(channels.iter().map(String::as_str).chain([heartbeat])).await?;
        Ok::<_, sqlx::Error>(listener)
    };
    let mut listener = within(PATIENCE, beginning).await?;
    channels.iter().for_each(|channel| wake(channel));
    if !said.is_empty() {
        info!(channels = channels.join(", "), "notifications are heard again");
        said.clear();
    }
    let (mut beats, mut heard) = (interval(HEARTBEAT), Instant::now());
    loop {
        // Not dropped at a heartbeat: half of a message may be read.
        let mut receiving = pin!(listener.try_recv());
        let received = loop {
            tokio::select! {
                received = &mut receiving => break received?,
                _ = beats.tick() => {
                    if heard.elapsed() > SILENCE {
                        return Err(dead("it no longer hears its own heartbeat"));
                    }
                    // Where it cannot be sent, it is not heard either.
                    let _ = sqlx::query("SELECT pg_notify($1, '')").bind(heartbeat).execute(pool).await;
                }
            }
        };
        let Some(notification) = received else { return Err(dead("it was closed")) };
        heard = Instant::now();
        if notification.channel() != heartbeat {
            wake(notification.channel());
        }
    }
}
