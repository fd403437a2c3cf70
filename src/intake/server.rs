//! Serves a router on a TCP address until told to stop, then lets what is in flight finish within a bound.
//!
//! It knows nothing of what it serves.

use std::{error::Error, fmt, io, net::SocketAddr, time::Duration};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::idle::PatientListener;

/// A listening address could not be had. Names the key, the address and the mend.
#[derive(Debug)]
pub struct BindError {
    key: &'static str,
    address: SocketAddr,
    source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, address, source } = self;
        write!(f, "cannot listen on {address}, the value of `{key}`: ")?;
        match source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "another process has port {}; stop it, or set `{key}` to a free port (`ss -ltnp` lists who listens)",
                address.port()
            ),
            io::ErrorKind::PermissionDenied => {
                write!(f, "ports below 1024 need a privilege; set `{key}` to a port from 1024 up")
            }
            io::ErrorKind::AddrNotAvailable => {
                write!(f, "this machine does not have that address; set `{key}` to one of its own, or to 0.0.0.0")
            }
            _ => write!(f, "set `{key}` to an address and port of this machine"),
        }
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Listens on `address`, the value of the configuration key `key`. Connections queue up from now on.
pub async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { key, address, source })
}

/// Serves until `shutdown`; then takes no more, and returns when what is in flight is done, or after `drain`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    drain: Duration,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    info!(listen = %address, "listening");
    let serving = axum::serve(PatientListener(listener), router)
        .with_graceful_shutdown(shutdown.clone().cancelled_owned())
        .into_future();
    let too_long = async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        served = serving => served,
        () = too_long => {
            warn!(listen = %address, "left requests unfinished that took longer than {}", humantime::format_duration(drain));
            Ok(())
        }
    }
}
