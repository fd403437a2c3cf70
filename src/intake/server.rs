//! Serves a router on a TCP address until told to stop, then lets what is in flight finish within a bound.
//!
//! It knows nothing of what it serves.

use std::{error::Error, fmt, io, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, serve::Listener};
use futures_util::FutureExt;
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use super::door::{Door, Limits, Permit};
use super::idle::{IdleGuard, PatientListener};

/// The longest head of a request, in bytes: what a stranger can make us hold. Synapse's take some hundreds. Bodies are read in
/// pieces of that size.
const LONGEST_HEAD: usize = 64 << 10;

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
    let (mut listener, door, connections) =
        (PatientListener(listener), Door::new(Limits::default()), TaskTracker::new());
    while let Some((stream, peer)) = shutdown.run_until_cancelled(listener.accept()).await {
        connections.spawn(serve_one(stream, door.enter(peer.ip()), router.clone(), shutdown.clone()));
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(drain, connections.wait()).await.is_err() {
        warn!(listen = %address, "left requests unfinished that took longer than {}", humantime::format_duration(drain));
    }
    Ok(())
}

/// Serves one connection until it ends, has to go, or is idle after `shutdown`.
async fn serve_one(stream: IdleGuard, permit: Permit, router: Router, shutdown: CancellationToken) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|mut request: Request<Incoming>| {
        permit.announce(request.extensions_mut());
        router.call(request)
    });
    // More than 100 headers are refused by default; another number would cost each request an allocation.
    let connection = http1::Builder::new().max_buf_size(LONGEST_HEAD).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let (mut until, mut lost) = (pin!(shutdown.cancelled_owned().fuse()), pin!(permit.lost()));
    loop {
        tokio::select! {
            // What a peer breaks, it knows.
            _ = connection.as_mut() => return,
            () = &mut lost => return,
            () = &mut until => connection.as_mut().graceful_shutdown(),
        }
    }
}
