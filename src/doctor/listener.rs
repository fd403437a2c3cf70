//! The way back: whether Synapse reaches this service's listener.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::{Finding, PATIENCE, answers};
use crate::config::{Registration, reachable};
use crate::homeserver::CallError;

const CHECK: &str = "listener";

/// An address of this machine answers at once or not at all.
const LOCAL: Duration = Duration::from_secs(1);

/// Judges the round trip from here to Synapse and back to the listener.
pub(super) async fn examine(
    ping: Result<Duration, CallError>,
    registration: &Registration,
    listen: SocketAddr,
) -> Finding {
    let why = match ping {
        Ok(took) => return Finding::pass(CHECK, format!("Synapse reaches this service in {} ms", took.as_millis())),
        Err(CallError::ListenerUnreachable { message }) => message,
        // The way there works, so it is the way back that hangs.
        Err(CallError::TimedOut { .. }) => format!("no answer within {PATIENCE:?}"),
        Err(CallError::NotPermitted { message }) => return another_registration(&message),
        Err(error) => return answers::failed(CHECK, &error),
    };
    let url = &registration.url;
    let connected = tokio::time::timeout(LOCAL, TcpStream::connect(reachable(listen))).await;
    if matches!(connected, Ok(Ok(_))) {
        return Finding::fail(
            CHECK,
            format!("Synapse does not reach this service at {url} ({why}), though something listens on {listen}"),
            "let url in the registration lead from Synapse to appservice.listen, with the same registration file on both \
             sides, and restart Synapse",
        );
    }
    Finding::warn(
        CHECK,
        format!("nothing listens on {listen} here, and Synapse reaches nothing at {url}: the service does not run"),
        "start it with `phenom-provisioner run`; where it runs on another machine, let url in the registration lead there",
    )
}

fn another_registration(message: &str) -> Finding {
    Finding::fail(
        CHECK,
        format!("Synapse has another registration for this token: {message}"),
        "give Synapse and this service the same registration file, and restart Synapse",
    )
}
