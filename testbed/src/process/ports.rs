//! Loopback ports that stay ours although nothing listens on them yet.
//!
//! A port from the kernel's ephemeral range may become the source port of any outgoing connection meanwhile, so
//! ports come from below it, and a lock file per port keeps parallel test processes apart until they end.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use super::random;

/// Below Linux's ephemeral range (32768 and up), above the well-known services.
const FIRST: u64 = 15_000;
const COUNT: u64 = 15_000;
const ATTEMPTS: usize = 200;

/// The locks of this process, held until it ends.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A free port of 127.0.0.1, reserved for this process until it ends.
///
/// # Errors
/// When no free port was found, or the lock files cannot be written.
pub fn free_port() -> Result<u16> {
    let directory = lock_directory();
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("create {}; is TMPDIR writable?", directory.display()))?;
    for _ in 0..ATTEMPTS {
        let port = u16::try_from(FIRST + random::number() % COUNT).context("pick a port")?;
        let path = directory.join(port.to_string());
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("open port lock {}", path.display()))?;
        if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(lock);
            return Ok(port);
        }
    }
    bail!("no free loopback port between {FIRST} and {}; stop what listens there", FIRST + COUNT)
}

fn lock_directory() -> PathBuf {
    std::env::temp_dir().join(format!("phenom-testbed-ports-{}", nix::unistd::geteuid()))
}
