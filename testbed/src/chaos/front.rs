//! What stands before two replicas where Synapse pushes to one address: a connection goes to one that is up, in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// Which replicas get connections.
type Open = [bool; 2];

/// Ends when dropped, with every connection.
#[derive(Debug)]
pub(crate) struct Front {
    open: watch::Sender<Open>,
    task: AbortHandle,
}

impl Front {
    /// Listens at `address`, and knows where the replicas do.
    pub(crate) async fn start(address: &str, replicas: [String; 2]) -> Result<Front> {
        let listener = TcpListener::bind(address).await.context("listen for pushes")?;
        let (open, seen) = watch::channel([true; 2]);
        let task = tokio::spawn(accept(listener, Arc::new(replicas), seen)).abort_handle();
        Ok(Front { open, task })
    }

    /// Whether a replica gets connections, as a load balancer decides by its health. Those that it has are ended when it is not.
    pub(crate) fn set_open(&self, replica: usize, is_open: bool) {
        self.open.send_modify(|open| open[replica] = is_open);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, replicas: Arc<[String; 2]>, open: watch::Receiver<Open>) {
    let (mut connections, turn) = (JoinSet::new(), AtomicUsize::new(0));
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let first = turn.fetch_add(1, Ordering::Relaxed);
        connections.spawn(carry(client, first, Arc::clone(&replicas), open.clone()));
    }
}

async fn carry(mut client: TcpStream, first: usize, replicas: Arc<[String; 2]>, mut open: watch::Receiver<Open>) {
    for replica in [first % 2, (first + 1) % 2] {
        if !open.borrow()[replica] {
            continue;
        }
        if let Ok(mut server) = TcpStream::connect(&replicas[replica]).await {
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = open.wait_for(|open| !open[replica]) => {}
            }
            return;
        }
    }
}
