//! A reverse proxy between the service and Synapse, for one test: it records every request and makes trouble.

mod fault;
mod forward;
mod record;
mod relay;

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

pub use fault::{Effect, Fault, Matching};
pub use record::Recorded;
pub use relay::Relay;

/// A running proxy; ends when dropped, or with the runtime of its test.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    state: Arc<State>,
    task: AbortHandle,
}

#[derive(Debug)]
struct State {
    upstream: String,
    client: reqwest::Client,
    down: AtomicBool,
    requests: Mutex<Vec<Recorded>>,
    faults: Mutex<Vec<Fault>>,
}

impl Proxy {
    /// Listens on a loopback port and forwards to `upstream` (such as `synapse.url()`).
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(upstream: &str) -> Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen")?;
        let url = format!("http://{}", listener.local_addr().context("read own address")?);
        // No idle connections: one kept across a restart of Synapse would fail for a reason of our own making.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy();
        let client = client.redirect(reqwest::redirect::Policy::none()).build().context("build the HTTP client")?;
        let state = Arc::new(State {
            upstream: upstream.trim_end_matches('/').to_owned(),
            client,
            down: AtomicBool::new(false),
            requests: Mutex::default(),
            faults: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle();
        Ok(Proxy { url, state, task })
    }

    /// For the service's `homeserver.url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everything that came in so far, in order, requests still unanswered included.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn count(&self, predicate: impl Fn(&Recorded) -> bool) -> usize {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|one| predicate(one)).count()
    }

    /// Forgets what was recorded; faults stay.
    pub fn clear(&self) {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// While down, every connection is closed unanswered and nothing is recorded.
    pub fn set_down(&self, down: bool) {
        self.state.down.store(down, Ordering::SeqCst);
    }

    /// Makes trouble for the requests that match, until it is used up or lifted. The oldest matching fault acts.
    pub fn fault(&self, matching: Matching, effect: Effect) -> Fault {
        let fault = Fault::new(matching, effect);
        self.state.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault.clone());
        fault
    }

    /// Lifts all faults and releases what they hold.
    pub fn clear_faults(&self) {
        for fault in self.state.faults.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            fault.lift();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Dropping the set (when the task is aborted) closes the connections.
async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        if !state.down.load(Ordering::SeqCst) {
            connections.spawn(serve(stream, Arc::clone(&state)));
        }
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) -> Result<(), Infallible> {
    let service = service_fn(move |request| forward::handle(Arc::clone(&state), request));
    // An error here is a connection dropped on purpose, or a client that went away.
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
    Ok(())
}
