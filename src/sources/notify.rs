//! LISTEN: turns Postgres notifications into wake-ups. A notification lost with its connection costs a poll's delay.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// How long to wait before listening again after the database went away.
const PAUSE: Duration = Duration::from_secs(2);

/// Listens until `stop`. `wake` gets the channel's name, and every name after a reconnect, for what was missed.
pub async fn listen(pool: PgPool, channels: Vec<String>, wake: impl Fn(&str), stop: CancellationToken) {
    let listening = async {
        loop {
            if let Err(error) = listen_once(&pool, &channels, &wake).await {
                debug!(error = &error as &dyn std::error::Error, "listening for notifications ended");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = listening => {}
    }
}

async fn listen_once(pool: &PgPool, channels: &[String], wake: &impl Fn(&str)) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all(channels.iter().map(String::as_str)).await?;
    loop {
        match listener.try_recv().await? {
            Some(notification) => wake(notification.channel()),
            None => {
                warn!("the connection for notifications was lost and is made again");
                channels.iter().for_each(|channel| wake(channel));
            }
        }
    }
}
