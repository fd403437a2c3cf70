//! Answers Synapse's pushes for an application service that has not started yet.
//!
//! Where nobody answers, Synapse takes the service for down and tries again after 2, 4, 8 … seconds; and what happens in the
//! moment in which that has succeeded and is not yet noted, it keeps back until the next failure (`_Recoverer.retry` and
//! `on_recovered` of its scheduler.py). A test that is not about this neither waits for it nor fails by it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

/// Longer than Synapse takes to send what it has begun.
const READ_BOUND: Duration = Duration::from_secs(10);
/// The connection is not kept: the next push goes to the service.
const TAKEN: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

/// Listens until it is dropped; then the port is free.
#[derive(Debug)]
pub(crate) struct Doorkeeper {
    address: String,
    dismissed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Doorkeeper {
    /// Listens at a [`Slot`](super::Slot)'s address.
    ///
    /// # Errors
    /// When somebody else listens there.
    pub(crate) fn at(address: &str) -> Result<Doorkeeper> {
        let listener = TcpListener::bind(address).context("listen for pushes")?;
        let dismissed = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&dismissed);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if until.load(Ordering::SeqCst) {
                    return;
                }
                // What cannot be read or answered is tried again by Synapse.
                stream.and_then(answer).ok();
            }
        });
        Ok(Doorkeeper { address: address.to_owned(), dismissed, thread: Some(thread) })
    }
}

impl Drop for Doorkeeper {
    fn drop(&mut self) {
        self.dismissed.store(true, Ordering::SeqCst);
        // Wakes the thread out of its waiting.
        TcpStream::connect(&self.address).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Takes a transaction. Anything else, such as a ping, finds nobody.
fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(READ_BOUND))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut heading, mut length) = (String::new(), 0);
    reader.read_line(&mut heading)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    if heading.contains("/transactions/") { stream.write_all(TAKEN) } else { Ok(()) }
}
